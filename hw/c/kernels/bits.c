/*
 * Maps of bits. Bit b of word w is bit number 32 * w + b of the map. A map of [channels, rows, columns] lies as
 * [groups, rows, columns, channels of a group], without gaps; the bits behind its end are 0.
 */
static uint32_t owl_low_bits(uint32_t count)
{
  return (count < 32u) ? ((UINT32_C(1) << count) - 1u) : UINT32_C(0xffffffff);
}

/* Writes the low `count` bits, 1..32, of `value`, whose other bits are 0, from bit number `start` on. */
static void owl_put(uint32_t *map, uint32_t start, uint32_t count, uint32_t value)
{
  uint32_t *word = &map[start >> 5];
  const uint32_t shift = start & 31u;
  const uint32_t mask = owl_low_bits(count);
  *word = (*word & ~(mask << shift)) | (value << shift);
  if ((shift + count) > 32u) {
    word = &map[(start + count - 1u) >> 5];
    *word = (*word & ~(mask >> (32u - shift))) | (value >> (32u - shift));
  }
}
