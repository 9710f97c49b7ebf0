/* Filters whose bits lie side by side in the target, from bit number `start` on at the first position. */
typedef struct {
  uint32_t start;
  uint32_t filters; /* 1..32 */
} owl_run;

typedef struct {
  const uint32_t *weights; /* filter by filter, filter_words each */
  const owl_bound *bounds; /* one per filter */
  const owl_run *runs;     /* group by group */
  uint32_t filter_words;
  uint32_t group_filters;
  uint32_t target_bits; /* from one position to the next */
  uint32_t target_words;
} owl_filters;

#if (OWLBIT_LANES == 1u) || OWL_HAS_LINEAR

/*
 * The filters of one group at one position, whose window is `window`. A filter fires where its bits differ from the window's in less
 * than its bound. Returns the run after the last.
 */
static const owl_run *owl_fire(const owl_filters *layer, uint32_t group, const owl_run *run, const uint32_t *window,
                               uint32_t *target, uint32_t position)
{
  const uint32_t first = group * layer->group_filters;
  const uint32_t *weights = &layer->weights[first * layer->filter_words];
  const owl_bound *bounds = &layer->bounds[first];
  const owl_bound *const end = &bounds[layer->group_filters];
  while (bounds < end) {
    uint32_t counts[32];
    uint32_t bits = 0u;
    uint32_t i;
    owl_count(window, weights, layer->filter_words, run->filters, counts);
    for (i = 0u; i < run->filters; ++i) {
      bits |= ((counts[i] < bounds[i]) ? UINT32_C(1) : UINT32_C(0)) << i;
    }
    owl_put(target, run->start + (position * layer->target_bits), run->filters, bits);
    weights += run->filters * layer->filter_words;
    bounds += run->filters;
    ++run;
  }
  return run;
}

#endif
