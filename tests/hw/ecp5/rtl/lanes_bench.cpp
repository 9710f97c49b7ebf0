// Drives the module `lanes` with random, with all equal and with all different bits; prints the lanes that ever differed, in hex.
#include <cstdint>
#include <cstdio>
#include <random>

#include "Vlanes.h"

int main() {
  Vlanes lanes;
  std::mt19937 random(1);
  uint64_t bad = 0;
  for (int cycle = 0; cycle < 3000; ++cycle) {
    const int kind = cycle / 100 % 3;
    for (int word = 0; word < 5; ++word) {
      const uint32_t x = random(), w = random();
      lanes.x[word] = x;
      lanes.w[word] = kind == 0 ? w : kind == 1 ? x : ~x;
    }
    lanes.add = random() % 4 != 0;
    lanes.more = random() % 6 != 0;
    lanes.init = random() & 0x1fff;
    lanes.clk = 0;
    lanes.eval();
    lanes.clk = 1;
    lanes.eval();
    // Before the first sum has begun, totals are what the registers held.
    if (cycle > 60) bad |= static_cast<uint64_t>(lanes.bad);
  }
  std::printf("%llx\n", static_cast<unsigned long long>(bad));
}
