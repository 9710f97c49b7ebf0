typedef struct {
  owl_filters filters;
  uint32_t groups;
  uint32_t source_rows;
  uint32_t source_columns;
  uint32_t source_bits; /* channels of a group */
  uint32_t kernel_rows;
  uint32_t kernel_columns;
  uint32_t stride_rows;
  uint32_t stride_columns;
  uint32_t pad_top;
  uint32_t pad_left;
  uint32_t rows;
  uint32_t columns;
} owl_conv;

/* Packs the window of one group at output position (y, x) into `window`: bits in the order kernel row, kernel column, channel. */
static void owl_gather(const owl_conv *layer, const uint32_t *source, uint32_t *window, uint32_t group, uint32_t y, uint32_t x)
{
  /* The window's first column in the map with its padding, and the columns of it that lie inside the map. */
  const uint32_t left = x * layer->stride_columns;
  const uint32_t first = (left < layer->pad_left) ? (layer->pad_left - left) : 0u;
  const uint32_t end = layer->pad_left + layer->source_columns;
  const uint32_t last = (left >= end) ? 0u : (((end - left) < layer->kernel_columns) ? (end - left) : layer->kernel_columns);
  uint32_t row;
  uint32_t i;
  for (i = 0u; i < layer->filters.filter_words; ++i) {
    window[i] = 0u;
  }
  if (first >= last) {
    return;
  }
  for (row = 0u; row < layer->kernel_rows; ++row) {
    const uint32_t padded = (y * layer->stride_rows) + row;
    if ((padded >= layer->pad_top) && (padded < (layer->pad_top + layer->source_rows))) {
      const uint32_t source_row = (group * layer->source_rows) + (padded - layer->pad_top);
      const uint32_t column = (source_row * layer->source_columns) + ((left + first) - layer->pad_left);
      uint32_t from = column * layer->source_bits;
      uint32_t to = ((row * layer->kernel_columns) + first) * layer->source_bits;
      uint32_t left_over = (last - first) * layer->source_bits;
      while (left_over > 0u) {
        const uint32_t room = 32u - (to & 31u);
        const uint32_t count = (left_over < room) ? left_over : room;
        window[to >> 5] |= owl_get(source, from, count) << (to & 31u);
        from += count;
        to += count;
        left_over -= count;
      }
    }
  }
}

/* A binary convolution. `window`: room for the window of one group. */
static void owl_convolve(const owl_conv *layer, const uint32_t *source, uint32_t *target, uint32_t *window)
{
  const owl_run *run = layer->filters.runs;
  uint32_t group;
  uint32_t y;
  uint32_t x;
  target[layer->filters.target_words - 1u] = 0u;
  for (group = 0u; group < layer->groups; ++group) {
    const owl_run *next = run;
    uint32_t position = 0u;
    for (y = 0u; y < layer->rows; ++y) {
      for (x = 0u; x < layer->columns; ++x) {
        owl_gather(layer, source, window, group, y, x);
        next = owl_fire(&layer->filters, group, run, window, target, position);
        ++position;
      }
    }
    run = next;
  }
}
