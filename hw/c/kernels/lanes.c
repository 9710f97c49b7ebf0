#if OWLBIT_LANES > 1u

/* One run of filters at `lanes` positions, whose windows lie word by word side by side, OWLBIT_LANES of them. */
static void owl_fire_run(const owl_filters *layer, const owl_run *run, const uint32_t *weights, const owl_bound *bounds,
                         const uint32_t *windows, uint32_t *bits)
{
  uint32_t filter;
  uint32_t lane;
  for (lane = 0u; lane < OWLBIT_LANES; ++lane) {
    bits[lane] = 0u;
  }
  for (filter = 0u; filter < run->filters; ++filter) {
    const uint32_t *own = windows;
    uint32_t counts[OWLBIT_LANES] = {0u};
    uint32_t i;
    for (i = 0u; i < layer->filter_words; ++i) {
      for (lane = 0u; lane < OWLBIT_LANES; ++lane) {
        counts[lane] += (uint32_t)__builtin_popcount((unsigned int)(own[lane] ^ *weights));
      }
      own += OWLBIT_LANES;
      ++weights;
    }
    for (lane = 0u; lane < OWLBIT_LANES; ++lane) {
      bits[lane] |= ((counts[lane] < bounds[filter]) ? UINT32_C(1) : UINT32_C(0)) << filter;
    }
  }
}

/* The windows of `lanes` positions from `first` on, moved by (row, column) inside the windows of a pool, side by side in `windows`. */
static void owl_gather_lanes(const owl_conv *layer, const uint32_t *source, uint32_t *windows, uint32_t group, uint32_t first,
                             uint32_t lanes, uint32_t row, uint32_t column)
{
  uint32_t window[OWL_WINDOW_WORDS];
  uint32_t lane;
  uint32_t i;
  for (lane = 0u; lane < lanes; ++lane) {
    const uint32_t y = ((first + lane) / layer->columns) * layer->pool_stride_rows;
    const uint32_t x = ((first + lane) % layer->columns) * layer->pool_stride_columns;
    owl_gather(layer, source, window, group, y + row, x + column);
    for (i = 0u; i < layer->filters.filter_words; ++i) {
      windows[(i * OWLBIT_LANES) + lane] = window[i];
    }
  }
}

/* A binary convolution and the OR-pool behind it, OWLBIT_LANES positions at a time. */
static void owl_convolve(const owl_conv *layer, const uint32_t *source, uint32_t *target)
{
  uint32_t windows[OWL_WINDOW_WORDS * OWLBIT_LANES] = {0u};
  uint32_t bits[OWLBIT_LANES];
  const owl_filters *const filters = &layer->filters;
  const uint32_t positions = layer->rows * layer->columns;
  const uint32_t pooled = layer->pool_rows * layer->pool_columns;
  const owl_run *run = filters->runs;
  uint32_t group;
  target[filters->target_words - 1u] = 0u;
  for (group = 0u; group < layer->groups; ++group) {
    const owl_run *next = run;
    uint32_t first;
    for (first = 0u; first < positions; first += OWLBIT_LANES) {
      const uint32_t lanes = ((positions - first) < OWLBIT_LANES) ? (positions - first) : OWLBIT_LANES;
      uint32_t i;
      for (i = 0u; i < pooled; ++i) {
        uint32_t filter = group * filters->group_filters;
        const uint32_t end = filter + filters->group_filters;
        owl_gather_lanes(layer, source, windows, group, first, lanes, i / layer->pool_columns, i % layer->pool_columns);
        for (next = run; filter < end; ++next) {
          uint32_t lane;
          owl_fire_run(filters, next, &filters->weights[filter * filters->filter_words], &filters->bounds[filter], windows, bits);
          for (lane = 0u; lane < lanes; ++lane) {
            const uint32_t start = next->start + ((first + lane) * filters->target_bits);
            const uint32_t before = (i > 0u) ? owl_get(target, start, next->filters) : 0u;
            owl_put(target, start, next->filters, before | bits[lane]);
          }
          filter += next->filters;
        }
      }
    }
    run = next;
  }
}

#endif
