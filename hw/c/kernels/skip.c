typedef enum { OWL_OR, OWL_XOR, OWL_MUX } owl_gate;

/* Channels that lie side by side in all three maps. */
typedef struct {
  uint32_t earlier;  /* bit number of the first in the earlier map, at the first position */
  uint32_t channels; /* 1..32 */
  uint32_t select;   /* of a multiplexer: 1 where the current map's bit is taken */
} owl_join_run;

typedef struct {
  owl_gate gate;
  const owl_join_run *runs; /* group by group */
  uint32_t earlier_bits;    /* of the earlier map, from one position to the next */
  uint32_t groups;
  uint32_t bits; /* channels of a group */
  uint32_t positions;
  uint32_t target_words;
} owl_skip;

/* A logic skip. The current map and the target have their channels in the same order. */
static void owl_join(const owl_skip *layer, const uint32_t *current, const uint32_t *before, uint32_t *target)
{
  const owl_join_run *first = layer->runs;
  uint32_t to = 0u;
  uint32_t group;
  uint32_t position;
  target[layer->target_words - 1u] = 0u;
  for (group = 0u; group < layer->groups; ++group) {
    const owl_join_run *run = first;
    for (position = 0u; position < layer->positions; ++position) {
      const uint32_t end = to + layer->bits;
      for (run = first; to < end; ++run) {
        const uint32_t own = owl_get(current, to, run->channels);
        const uint32_t other = owl_get(before, run->earlier + (position * layer->earlier_bits), run->channels);
        uint32_t bits = own | other;
        if (layer->gate == OWL_XOR) {
          bits = own ^ other;
        } else if (layer->gate == OWL_MUX) {
          bits = (own & run->select) | (other & ~run->select);
        } else {
          /* OR, as above. */
        }
        owl_put(target, to, run->channels, bits);
        to += run->channels;
      }
    }
    first = run;
  }
}
