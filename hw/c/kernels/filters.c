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

/*
 * The filters of one group at one position, whose window is `window`. A filter fires where its bits differ from the window's in less
 * than its bound. Filters whose bits lie side by side in the target are a run of up to 32. Returns the run after the last.
 */
static const owl_run *owl_fire(const owl_filters *layer, uint32_t group, const owl_run *run, const uint32_t *window,
                               uint32_t *target, uint32_t position)
{
  uint32_t filter = group * layer->group_filters;
  const uint32_t end = filter + layer->group_filters;
  const uint32_t *weights = &layer->weights[filter * layer->filter_words];
  while (filter < end) {
    uint32_t bits = 0u;
    uint32_t bit;
    for (bit = 0u; bit < run->filters; ++bit) {
      const uint32_t fires = (owl_mismatches(window, weights, layer->filter_words) < layer->bounds[filter]) ? 1u : 0u;
      bits |= fires << bit;
      weights += layer->filter_words;
      ++filter;
    }
    owl_put(target, run->start + (position * layer->target_bits), run->filters, bits);
    ++run;
  }
  return run;
}
