typedef enum { OWL_OR, OWL_XOR, OWL_MUX } owl_gate;

typedef struct {
  owl_gate gate;
  const uint8_t *select;   /* one per channel, of a multiplexer alone */
  const uint32_t *earlier; /* one per channel */
  uint32_t earlier_bits;
  uint32_t groups;
  uint32_t bits; /* channels of a group */
  uint32_t positions;
  uint32_t target_words;
} owl_skip;

/*
 * A logic skip. The current map and the target have their channels in the same order; channel i of them is the one whose bit at the
 * first position is earlier[i] in the earlier map, `earlier_bits` further at each next position.
 */
static void owl_join(const owl_skip *layer, const uint32_t *current, const uint32_t *before, uint32_t *target)
{
  uint32_t to = 0u;
  uint32_t group;
  uint32_t position;
  uint32_t i;
  target[layer->target_words - 1u] = 0u;
  for (group = 0u; group < layer->groups; ++group) {
    for (position = 0u; position < layer->positions; ++position) {
      for (i = 0u; i < layer->bits; ++i) {
        const uint32_t channel = (group * layer->bits) + i;
        const uint32_t own = owl_get(current, to, 1u);
        const uint32_t other = owl_get(before, layer->earlier[channel] + (position * layer->earlier_bits), 1u);
        uint32_t bit = own | other;
        if (layer->gate == OWL_XOR) {
          bit = own ^ other;
        } else if (layer->gate == OWL_MUX) {
          bit = (layer->select[channel] != 0u) ? own : other;
        } else {
          /* OR, as above. */
        }
        owl_put(target, to, 1u, bit);
        ++to;
      }
    }
  }
}
