typedef struct {
  owl_colour colour;
  uint16_t threshold; /* 0..256 */
} owl_level;

typedef struct {
  const owl_level *levels; /* one per bit of a position, group by group */
  uint32_t rows;
  uint32_t columns;
  uint32_t target_groups;
  uint32_t target_bits; /* channels of a group */
  uint32_t target_words;
  uint32_t last_bits; /* bits of the last word that are the map's */
} owl_thermometer;

/* One row of pixels: bit i of a position is 1 where the pixel of the colour levels[i].colour is at least levels[i].threshold. */
static void owl_encode(const owl_thermometer *layer, const uint8_t *pixels, uint32_t colour_step, uint32_t column_step,
                       uint32_t y, uint32_t *target)
{
  uint32_t x;
  uint32_t group;
  target[layer->target_words - 1u] &= owl_low_bits(layer->last_bits);
  for (x = 0u; x < layer->columns; ++x) {
    const owl_level *level = layer->levels;
    uint32_t position = (y * layer->columns) + x;
    for (group = 0u; group < layer->target_groups; ++group) {
      uint32_t at = position * layer->target_bits;
      uint32_t left_over = layer->target_bits;
      while (left_over > 0u) {
        const uint32_t count = (left_over < 32u) ? left_over : 32u;
        uint32_t bits = 0u;
        uint32_t bit;
        for (bit = 0u; bit < count; ++bit) {
          const uint32_t fires = (pixels[level->colour * colour_step] >= level->threshold) ? 1u : 0u;
          bits |= fires << bit;
          ++level;
        }
        owl_put(target, at, count, bits);
        at += count;
        left_over -= count;
      }
      position += layer->rows * layer->columns;
    }
    pixels += column_step;
  }
}
