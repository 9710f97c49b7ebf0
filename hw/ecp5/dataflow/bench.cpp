// SPDX-License-Identifier: Apache-2.0
// Test bench of a pipeline: a source of pixel bytes and a host that takes scores.
// usage: bench PIXELS FRAMES CLASSES SCORES MAX_CYCLES GAP_SEED
// PIXELS: bytes of all frames. SCORES: the bytes that came, written at the end.
// GAP_SEED: 0 offers a pixel and takes a score every cycle; any other seeds random pauses of both.
// Prints one line of JSON: the cycles of the first pixel and of each frame's last score, and all cycles.
// Exit status: 0 all scores came, 4 not within MAX_CYCLES, 5 a byte came that no frame explains.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "Vowl_dataflow.h"
#include "verilated.h"

static std::vector<uint8_t> slurp(const char *path) {
  std::ifstream file(path, std::ios::binary);
  return std::vector<uint8_t>(std::istreambuf_iterator<char>(file), {});
}

int main(int argc, char **argv) {
  Verilated::commandArgs(argc, argv);
  if (argc < 7) {
    std::fprintf(stderr, "usage: bench PIXELS FRAMES CLASSES SCORES MAX_CYCLES GAP_SEED\n");
    return 2;
  }
  const std::vector<uint8_t> pixels = slurp(argv[1]);
  const size_t frames = std::strtoull(argv[2], nullptr, 10), classes = std::strtoull(argv[3], nullptr, 10);
  const uint64_t limit = std::strtoull(argv[5], nullptr, 10);
  uint64_t random = std::strtoull(argv[6], nullptr, 10);
  const bool gaps = random != 0;

  Vowl_dataflow circuit;
  std::vector<uint8_t> bytes;
  std::vector<uint64_t> ends;
  size_t sent = 0;
  uint64_t cycle = 0, first_pixel = 0;
  int status = 0;
  bool offered = false;
  while (bytes.size() < frames * classes * 2) {
    if (cycle == limit) {
      status = 4;
      break;
    }
    if (gaps) random = random * 6364136223846793005ull + 1442695040888963407ull;
    const unsigned dice = unsigned(random >> 40);
    circuit.rst = cycle < 4;
    // A word that is offered stays until it is taken.
    offered = cycle >= 8 && sent < pixels.size() && (offered || !gaps || dice % 4 != 0);
    circuit.s_valid = offered;
    circuit.s_data = offered ? pixels[sent] : 0xA5;
    circuit.m_ready = cycle >= 8 && (!gaps || (dice >> 8) % 8 == 0);
    circuit.clk = 0;
    circuit.eval();
    if (circuit.m_valid && circuit.m_ready) {
      bytes.push_back(circuit.m_data);
      if (bytes.size() % (classes * 2) == 0) ends.push_back(cycle);
    }
    if (offered && circuit.s_ready) {
      if (sent++ == 0) first_pixel = cycle;
      offered = false;
    }
    circuit.clk = 1;
    circuit.eval();
    cycle++;
  }
  // A circuit that has given all its scores stays silent.
  for (int idle = 0; status == 0 && idle < 64; idle++) {
    circuit.s_valid = 0;
    circuit.m_ready = 1;
    circuit.clk = 0;
    circuit.eval();
    if (circuit.m_valid && sent == pixels.size()) status = 5;
    circuit.clk = 1;
    circuit.eval();
  }
  std::ofstream(argv[4], std::ios::binary).write(reinterpret_cast<const char *>(bytes.data()), std::streamsize(bytes.size()));
  std::printf("{\"cycles\": %llu, \"first_pixel\": %llu, \"ends\": [", (unsigned long long)cycle, (unsigned long long)first_pixel);
  for (size_t i = 0; i < ends.size(); i++) std::printf("%s%llu", i ? ", " : "", (unsigned long long)ends[i]);
  std::printf("]}\n");
  return status;
}
