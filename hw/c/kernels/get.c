/* `count` bits, 1..32, from bit number `start` on. */
static uint32_t owl_get(const uint32_t *map, uint32_t start, uint32_t count)
{
  const uint32_t shift = start & 31u;
  uint32_t value = map[start >> 5] >> shift;
  if ((shift + count) > 32u) {
    value |= map[(start + count - 1u) >> 5] << (32u - shift);
  }
  return value & owl_low_bits(count);
}
