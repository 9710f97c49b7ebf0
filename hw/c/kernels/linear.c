/* A hidden linear layer: one window, which is the whole map as it lies in memory. */
static void owl_linear(const owl_filters *layer, const uint32_t *source, uint32_t *target)
{
  target[layer->target_words - 1u] = 0u;
  (void)owl_fire(layer, 0u, layer->runs, source, target, 0u, 0u);
}
