/* For each of `filters` rows of `words` words of weights: how many bits differ from the window's. */
#if OWLBIT_POPCOUNT == OWLBIT_BUILTIN

#if OWLBIT_WORD == 64
/* Two words as one. Their order depends on the processor, but it is the same for the window and the weights. */
static inline uint64_t owl_pair(const uint32_t *words)
{
  uint64_t pair;
  __builtin_memcpy(&pair, words, sizeof(pair));
  return pair;
}
#endif

/* Four rows share every load of the window. */
static inline void owl_count_four(const uint32_t *window, const uint32_t *weights, uint32_t words, uint32_t *counts)
{
  const uint32_t *a = weights;
  const uint32_t *b = &a[words];
  const uint32_t *c = &b[words];
  const uint32_t *d = &c[words];
  uint32_t in_a = 0u;
  uint32_t in_b = 0u;
  uint32_t in_c = 0u;
  uint32_t in_d = 0u;
  uint32_t i = 0u;
#if OWLBIT_WORD == 64
  for (; (i + 2u) <= words; i += 2u) {
    const uint64_t own = owl_pair(&window[i]);
    in_a += (uint32_t)__builtin_popcountll(own ^ owl_pair(&a[i]));
    in_b += (uint32_t)__builtin_popcountll(own ^ owl_pair(&b[i]));
    in_c += (uint32_t)__builtin_popcountll(own ^ owl_pair(&c[i]));
    in_d += (uint32_t)__builtin_popcountll(own ^ owl_pair(&d[i]));
  }
#endif
  for (; i < words; ++i) {
    const uint32_t own = window[i];
    in_a += (uint32_t)__builtin_popcountl(own ^ a[i]);
    in_b += (uint32_t)__builtin_popcountl(own ^ b[i]);
    in_c += (uint32_t)__builtin_popcountl(own ^ c[i]);
    in_d += (uint32_t)__builtin_popcountl(own ^ d[i]);
  }
  counts[0] = in_a;
  counts[1] = in_b;
  counts[2] = in_c;
  counts[3] = in_d;
}

static void owl_count(const uint32_t *window, const uint32_t *weights, uint32_t words, uint32_t filters, uint32_t *counts)
{
  uint32_t filter = 0u;
  for (; (filter + 4u) <= filters; filter += 4u) {
    owl_count_four(window, weights, words, &counts[filter]);
    weights += 4u * words;
  }
  for (; filter < filters; ++filter) {
    uint32_t count = 0u;
    uint32_t i;
    for (i = 0u; i < words; ++i) {
      count += (uint32_t)__builtin_popcountl(window[i] ^ weights[i]);
    }
    counts[filter] = count;
    weights += words;
  }
}

#elif OWLBIT_POPCOUNT == OWLBIT_TABLE

/* The bits that are 1 in a byte. */
#define OWL_TWO(n) (n), (n) + 1, (n) + 1, (n) + 2
#define OWL_FOUR(n) OWL_TWO(n), OWL_TWO((n) + 1), OWL_TWO((n) + 1), OWL_TWO((n) + 2)
#define OWL_SIX(n) OWL_FOUR(n), OWL_FOUR((n) + 1), OWL_FOUR((n) + 1), OWL_FOUR((n) + 2)
static const uint8_t owl_ones[256] = {OWL_SIX(0), OWL_SIX(1), OWL_SIX(1), OWL_SIX(2)};

static void owl_count(const uint32_t *window, const uint32_t *weights, uint32_t words, uint32_t filters, uint32_t *counts)
{
  uint32_t filter;
  for (filter = 0u; filter < filters; ++filter) {
    uint32_t count = 0u;
    uint32_t i;
    for (i = 0u; i < words; ++i) {
      const uint32_t word = window[i] ^ weights[i];
      count += owl_ones[word & 255u];
      count += owl_ones[(word >> 8) & 255u];
      count += owl_ones[(word >> 16) & 255u];
      count += owl_ones[word >> 24];
    }
    counts[filter] = count;
    weights += words;
  }
}

#else

/*
 * Three words at a time: a full adder in each of the 32 bits makes two words of them, the second of which counts double. Their 1s
 * are added in fields of 4 bits (at most 12), of 8 bits (at most 24 per three words, in blocks of 30 words) and of 16 bits.
 */

/* Masks of fields of 2, 4 and 8 bits. Read as volatile, they stay in registers and do not become a part of every instruction. */
static const uint32_t owl_masks[3] = {UINT32_C(0x55555555), UINT32_C(0x33333333), UINT32_C(0x0f0f0f0f)};

static void owl_count(const uint32_t *window, const uint32_t *weights, uint32_t words, uint32_t filters, uint32_t *counts)
{
  const volatile uint32_t *const masks = owl_masks;
  const uint32_t twos_mask = masks[0];
  const uint32_t fours_mask = masks[1];
  const uint32_t bytes_mask = masks[2];
  uint32_t first;
  for (first = 0u; first < words; first += 30u) {
    const uint32_t block = ((words - first) < 30u) ? (words - first) : 30u;
    const uint32_t *row = &weights[first];
    uint32_t *count = counts;
    const uint32_t *const end = &counts[filters];
    for (; count < end; ++count) {
      const uint32_t *own = &window[first];
      uint32_t bytes = 0u;
      uint32_t left;
      for (left = block; left >= 3u; left -= 3u) {
        uint32_t twos = own[0] ^ row[0];
        uint32_t other = own[1] ^ row[1];
        uint32_t ones = own[2] ^ row[2];
        const uint32_t differ = twos ^ other;
        twos = (twos & other) | (differ & ones);
        ones ^= differ;
        ones -= (ones >> 1) & twos_mask;
        ones = (ones & fours_mask) + ((ones >> 2) & fours_mask);
        twos -= (twos >> 1) & twos_mask;
        ones += (twos & fours_mask) << 1;
        ones += ((twos >> 2) & fours_mask) << 1;
        bytes += ones & bytes_mask;
        bytes += (ones >> 4) & bytes_mask;
        own += 3;
        row += 3;
      }
      if (left > 0u) {
        uint32_t ones = own[0] ^ row[0];
        ones -= (ones >> 1) & twos_mask;
        ones = (ones & fours_mask) + ((ones >> 2) & fours_mask);
        if (left > 1u) {
          uint32_t more = own[1] ^ row[1];
          more -= (more >> 1) & twos_mask;
          ones += more & fours_mask;
          ones += (more >> 2) & fours_mask;
        }
        bytes += ones & bytes_mask;
        bytes += (ones >> 4) & bytes_mask;
        row += left;
      }
      bytes = (bytes & UINT32_C(0x00ff00ff)) + ((bytes >> 8) & UINT32_C(0x00ff00ff));
      bytes = (bytes & UINT32_C(0xffff)) + (bytes >> 16);
      *count = (first > 0u) ? (*count + bytes) : bytes;
      row += words - block;
    }
  }
}

#endif
