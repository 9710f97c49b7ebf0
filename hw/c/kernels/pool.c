typedef struct {
  uint32_t groups;
  uint32_t bits; /* channels of a group */
  uint32_t source_rows;
  uint32_t source_columns;
  uint32_t kernel_rows;
  uint32_t kernel_columns;
  uint32_t stride_rows;
  uint32_t stride_columns;
  uint32_t rows;
  uint32_t columns;
  uint32_t target_words;
} owl_pooling;

/* The OR of the bits under a window, channel by channel; both maps have their channels in the same order and groups. */
static void owl_pool(const owl_pooling *layer, const uint32_t *source, uint32_t *target)
{
  uint32_t to = 0u;
  uint32_t group;
  uint32_t y;
  uint32_t x;
  uint32_t row;
  uint32_t column;
  target[layer->target_words - 1u] = 0u;
  for (group = 0u; group < layer->groups; ++group) {
    for (y = 0u; y < layer->rows; ++y) {
      for (x = 0u; x < layer->columns; ++x) {
        const uint32_t top = (group * layer->source_rows) + (y * layer->stride_rows);
        const uint32_t corner = (top * layer->source_columns) + (x * layer->stride_columns);
        uint32_t first = 0u;
        while (first < layer->bits) {
          const uint32_t count = ((layer->bits - first) < 32u) ? (layer->bits - first) : 32u;
          uint32_t bits = 0u;
          for (row = 0u; row < layer->kernel_rows; ++row) {
            const uint32_t at = corner + (row * layer->source_columns);
            for (column = 0u; column < layer->kernel_columns; ++column) {
              bits |= owl_get(source, ((at + column) * layer->bits) + first, count);
            }
          }
          owl_put(target, to, count, bits);
          to += count;
          first += count;
        }
      }
    }
  }
}
