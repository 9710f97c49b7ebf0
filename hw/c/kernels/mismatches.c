/* How many bits of two rows of `words` words, at least one, differ. */
#if OWLBIT_POPCOUNT == OWLBIT_BUILTIN

static uint32_t owl_mismatches(const uint32_t *a, const uint32_t *b, uint32_t words)
{
  uint32_t total = 0u;
  uint32_t i = 0u;
#if OWLBIT_WORD == 64
  for (; (i + 2u) <= words; i += 2u) {
    const uint64_t x = (uint64_t)a[i] | ((uint64_t)a[i + 1u] << 32);
    const uint64_t y = (uint64_t)b[i] | ((uint64_t)b[i + 1u] << 32);
    total += (uint32_t)__builtin_popcountll(x ^ y);
  }
#else
  for (; (i + 4u) <= words; i += 4u) {
    total += (uint32_t)__builtin_popcountl(a[i] ^ b[i]);
    total += (uint32_t)__builtin_popcountl(a[i + 1u] ^ b[i + 1u]);
    total += (uint32_t)__builtin_popcountl(a[i + 2u] ^ b[i + 2u]);
    total += (uint32_t)__builtin_popcountl(a[i + 3u] ^ b[i + 3u]);
  }
#endif
  for (; i < words; ++i) {
    total += (uint32_t)__builtin_popcountl(a[i] ^ b[i]);
  }
  return total;
}

#elif OWLBIT_POPCOUNT == OWLBIT_TABLE

/* The bits that are 1 in a byte. */
#define OWL_TWO(n) (n), (n) + 1, (n) + 1, (n) + 2
#define OWL_FOUR(n) OWL_TWO(n), OWL_TWO((n) + 1), OWL_TWO((n) + 1), OWL_TWO((n) + 2)
#define OWL_SIX(n) OWL_FOUR(n), OWL_FOUR((n) + 1), OWL_FOUR((n) + 1), OWL_FOUR((n) + 2)
static const uint8_t owl_ones[256] = {OWL_SIX(0), OWL_SIX(1), OWL_SIX(1), OWL_SIX(2)};

static uint32_t owl_mismatches(const uint32_t *a, const uint32_t *b, uint32_t words)
{
  uint32_t total = 0u;
  uint32_t i;
  for (i = 0u; i < words; ++i) {
    const uint32_t word = a[i] ^ b[i];
    total += owl_ones[word & 255u];
    total += owl_ones[(word >> 8) & 255u];
    total += owl_ones[(word >> 16) & 255u];
    total += owl_ones[word >> 24];
  }
  return total;
}

#else

#define OWL_PAIRS UINT32_C(0x55555555)
#define OWL_NIBBLES UINT32_C(0x33333333)
#define OWL_BYTES UINT32_C(0x0f0f0f0f)
#define OWL_HALVES UINT32_C(0x00ff00ff)

/* The 1s in every four bits of a word, as a number of four bits. */
static inline uint32_t owl_nibbles(uint32_t word)
{
  const uint32_t pairs = word - ((word >> 1) & OWL_PAIRS);
  return (pairs & OWL_NIBBLES) + ((pairs >> 2) & OWL_NIBBLES);
}

/*
 * Three words at a time: a full adder in each of the 32 bits makes two words of them, the second of which counts double. Their
 * counts are added in fields of 4 bits (at most 12), 8 bits (at most 240, in blocks of 30 words) and 16 bits.
 */
static uint32_t owl_mismatches(const uint32_t *a, const uint32_t *b, uint32_t words)
{
  uint32_t halves = 0u;
  while (words > 0u) {
    uint32_t block = (words < 30u) ? words : 30u;
    uint32_t bytes = 0u;
    words -= block;
    for (; block >= 3u; block -= 3u) {
      const uint32_t x = a[0] ^ b[0];
      const uint32_t y = a[1] ^ b[1];
      const uint32_t z = a[2] ^ b[2];
      const uint32_t differ = x ^ y;
      const uint32_t ones = differ ^ z;
      const uint32_t twos = (x & y) | (differ & z);
      const uint32_t sum = owl_nibbles(ones) + (owl_nibbles(twos) << 1);
      bytes += (sum & OWL_BYTES) + ((sum >> 4) & OWL_BYTES);
      a += 3;
      b += 3;
    }
    for (; block > 0u; --block) {
      const uint32_t sum = owl_nibbles(a[0] ^ b[0]);
      bytes += (sum & OWL_BYTES) + ((sum >> 4) & OWL_BYTES);
      ++a;
      ++b;
    }
    halves += (bytes & OWL_HALVES) + ((bytes >> 8) & OWL_HALVES);
  }
  return (halves & 0xffffu) + (halves >> 16);
}

#endif
