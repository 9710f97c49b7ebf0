// SPDX-License-Identifier: Apache-2.0
// Prints what owl_matches counts for every 16 agreements, each with and without `off`: 131,072 lines.
#include <cstdio>

#include "Vowl_matches.h"
#include "verilated.h"

int main(int argc, char **argv) {
  Verilated::commandArgs(argc, argv);
  Vowl_matches lane;
  for (unsigned step = 0; step < 2 * 65536 + 2; step++) {
    lane.off = step & 1;
    lane.activations = step / 2 * 40503;  // odd: all values in another order
    lane.weights = 0x5A3C;
    lane.clk = 0;
    lane.eval();
    lane.clk = 1;
    lane.eval();
    if (step >= 1) std::printf("%u\n", unsigned(lane.count));  // of the step before
  }
  return 0;
}
