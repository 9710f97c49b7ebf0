// Drives the pair with random inputs. usage: compare CYCLES SEED. Prints the number of cycles in which the two outputs differ, the
// first of them, and the bits that differ; in the first cycle registers have no value yet.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "Vpair.h"
#include "verilated.h"

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  const long cycles = std::atol(argv[1]);
  uint64_t random = std::strtoull(argv[2], nullptr, 10);
  Vpair pair;
  long wrong = 0, first = -1;
  uint32_t bits[4] = {0, 0, 0, 0};
  for (long cycle = 0; cycle < cycles; cycle++) {
    random = random * 6364136223846793005ull + 1442695040888963407ull;
    pair.d = (random >> 20) & 0xFFFFFFFFFull;
    if (cycle % 64 < 32) pair.d &= ~0x3FE0ull, pair.d &= 0xFFFF8401Full;  // few addresses, so that reads meet writes
    pair.rst = cycle < 3 || cycle % 97 == 0;
    pair.clk = 1;
    pair.eval();
    pair.clk = 0;
    pair.eval();
    bool differs = false;
    for (int word = 0; word < 4; word++) {
      const uint32_t other = pair.q[word] ^ pair.routed_q[word];
      if (cycle) bits[word] |= other;
      differs = differs || (cycle && other);
    }
    if (differs && first < 0) first = cycle;
    wrong += differs;
  }
  std::printf("%ld %ld %08x%08x%08x%08x\n", wrong, first, bits[3], bits[2], bits[1], bits[0]);
  return 0;
}
