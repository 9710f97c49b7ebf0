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
  uint32_t pool_rows; /* the window and stride of an OR-pool behind it, 1 where there is none */
  uint32_t pool_columns;
  uint32_t pool_stride_rows;
  uint32_t pool_stride_columns;
  uint32_t rows; /* of the target */
  uint32_t columns;
} owl_conv;

/*
 * Packs the window of one group at output position (y, x) into `window`: bits in the order kernel row, kernel column, channel. Where
 * the kernel lies outside the map its bits are 0.
 */
static void owl_gather(const owl_conv *layer, const uint32_t *source, uint32_t *window, uint32_t group, uint32_t y, uint32_t x)
{
  /* The window's first column in the map with its padding, and the columns of it that lie inside the map. */
  const uint32_t left = x * layer->stride_columns;
  const uint32_t end = layer->pad_left + layer->source_columns;
  const uint32_t outside = (left < layer->pad_left) ? (layer->pad_left - left) : 0u;
  const uint32_t first = (outside < layer->kernel_columns) ? outside : layer->kernel_columns;
  const uint32_t inside = (left < end) ? (end - left) : 0u;
  const uint32_t last = (inside < layer->kernel_columns) ? inside : layer->kernel_columns;
  const uint32_t before = first * layer->source_bits;
  const uint32_t after = (layer->kernel_columns - last) * layer->source_bits;
  uint32_t word = 0u; /* the next word of the window, `filled` bits of which are there */
  uint32_t filled = 0u;
  uint32_t row;
  for (row = y * layer->stride_rows; row < ((y * layer->stride_rows) + layer->kernel_rows); ++row) {
    uint32_t left_over = (last - first) * layer->source_bits;
    uint32_t from = 0u;
    filled += before;
    if ((row >= layer->pad_top) && (row < (layer->pad_top + layer->source_rows))) {
      from = (group * layer->source_rows) + (row - layer->pad_top);
      from = ((from * layer->source_columns) + ((left + first) - layer->pad_left)) * layer->source_bits;
    } else {
      filled += left_over;
      left_over = 0u;
    }
    for (;;) {
      uint32_t count;
      while (filled >= 32u) {
        *window = word;
        ++window;
        word = 0u;
        filled -= 32u;
      }
      if (left_over == 0u) {
        break;
      }
      count = ((32u - filled) < left_over) ? (32u - filled) : left_over;
      word |= owl_get(source, from, count) << filled;
      from += count;
      filled += count;
      left_over -= count;
    }
    filled += after;
  }
  for (row = 0u; row < filled; row += 32u) {
    *window = word;
    ++window;
    word = 0u;
  }
}

#if OWLBIT_LANES == 1u

/* A binary convolution and the OR-pool behind it, position by position. */
static void owl_convolve(const owl_conv *layer, const uint32_t *source, uint32_t *target)
{
  uint32_t window[OWL_WINDOW_WORDS];
  const owl_run *run = layer->filters.runs;
  const uint32_t positions = layer->rows * layer->columns;
  const uint32_t pooled = layer->pool_rows * layer->pool_columns;
  uint32_t group;
  target[layer->filters.target_words - 1u] = 0u;
  for (group = 0u; group < layer->groups; ++group) {
    const owl_run *next = run;
    uint32_t y = 0u;
    uint32_t x = 0u;
    uint32_t position;
    for (position = 0u; position < positions; ++position) {
      uint32_t row = 0u;
      uint32_t column = 0u;
      uint32_t i;
      for (i = 0u; i < pooled; ++i) {
        owl_gather(layer, source, window, group, (y * layer->pool_stride_rows) + row, (x * layer->pool_stride_columns) + column);
        next = owl_fire(&layer->filters, group, run, window, target, position, i);
        ++column;
        if (column == layer->pool_columns) {
          column = 0u;
          ++row;
        }
      }
      ++x;
      if (x == layer->columns) {
        x = 0u;
        ++y;
      }
    }
    run = next;
  }
}

#endif
