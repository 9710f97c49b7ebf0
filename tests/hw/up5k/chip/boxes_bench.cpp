// SPDX-License-Identifier: Apache-2.0
// Drives owl_boxes with pictures, pixel by pixel, and prints the means that it gives, one number a line; `broken`, `late` where it says so.
// usage: bench SETTINGS PICTURES LINES WIDTH CLOCKS; SETTINGS: four numbers with commas; PICTURES: their bytes; CLOCKS: of a pixel
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "Vowl_boxes.h"
#include "verilated.h"

static Vowl_boxes boxes;

static void step() {
  boxes.clk = 0;
  boxes.eval();
  boxes.clk = 1;
  boxes.eval();
  if (boxes.mean_valid) std::printf("%d\n", boxes.mean);
  if (boxes.broken) std::printf("broken\n");
  if (boxes.late) std::printf("late\n");
  boxes.frame_start = boxes.line_start = boxes.line_end = boxes.pixel_valid = boxes.setting_valid = 0;
}

static void steps(int count) {
  while (count--) step();
}

int main(int argc, char **argv) {
  if (argc != 6) return 2;
  std::ifstream file(argv[2], std::ios::binary);
  const std::vector<uint8_t> pictures(std::istreambuf_iterator<char>(file), {});
  const size_t lines = std::strtoul(argv[3], nullptr, 10), width = std::strtoul(argv[4], nullptr, 10);
  const int clocks = std::atoi(argv[5]);
  boxes.run = boxes.free = 1;
  boxes.rst = 1;
  step();
  boxes.rst = 0;
  char *text = argv[1];
  for (int i = 0; i < 4; i++, text++) {
    boxes.setting_valid = 1;
    boxes.setting = uint16_t(std::strtoul(text, &text, 10));
    step();
  }
  for (size_t at = 0; at < pictures.size();) {
    boxes.frame_start = 1;
    steps(20);
    for (size_t y = 0; y < lines; y++) {
      boxes.line_start = 1;
      steps(4);
      for (size_t x = 0; x < width; x++) {
        boxes.pixel_valid = 1;
        boxes.pixel = pictures[at++];
        steps(clocks);
      }
      boxes.line_end = 1;
      steps(20);
    }
  }
  return 0;
}
