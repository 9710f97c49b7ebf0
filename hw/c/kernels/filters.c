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

/* Where the processor counts bits, four filters at once are faster than those alone that have not fired. */
#define OWL_COUNT_ALL (OWLBIT_POPCOUNT == OWLBIT_BUILTIN)

/*
 * The filters of one group at one position, whose window is `window`. A filter fires where its bits differ from the window's in less
 * than its bound. `again`: the position was written before, for another window; filters that fired there are left out, for the OR of
 * all windows is 1. Returns the run after the last.
 */
static const owl_run *owl_fire(const owl_filters *layer, uint32_t group, const owl_run *run, const uint32_t *window,
                               uint32_t *target, uint32_t position, uint32_t again)
{
  const uint32_t first = group * layer->group_filters;
  const uint32_t *weights = &layer->weights[first * layer->filter_words];
  const owl_bound *bounds = &layer->bounds[first];
  const owl_bound *const end = &bounds[layer->group_filters];
  while (bounds < end) {
    const uint32_t start = run->start + (position * layer->target_bits);
    uint32_t bits = (again != 0u) ? owl_get(target, start, run->filters) : 0u;
    uint32_t filter = 0u;
    while (filter < run->filters) {
      uint32_t counts[32];
      uint32_t span = 0u;
      uint32_t i;
      while (((filter + span) < run->filters) && (OWL_COUNT_ALL || (((bits >> (filter + span)) & 1u) == 0u))) {
        ++span;
      }
      if (span > 0u) {
        owl_count(window, &weights[filter * layer->filter_words], layer->filter_words, span, counts);
      }
      for (i = 0u; i < span; ++i) {
        bits |= ((counts[i] < bounds[filter + i]) ? UINT32_C(1) : UINT32_C(0)) << (filter + i);
      }
      filter += span + 1u;
    }
    owl_put(target, start, run->filters, bits);
    weights += run->filters * layer->filter_words;
    bounds += run->filters;
    ++run;
  }
  return run;
}

#endif
