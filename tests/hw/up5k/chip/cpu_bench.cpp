// SPDX-License-Identifier: Apache-2.0
// Runs owl_cpu on a memory of its own and prints `port number A`, decimal, for every OUT. Ports read as 37 * port + 11 * number + 5.
// usage: bench MEMORY CLOCKS; MEMORY: words of 16 bits, little-endian. Ends after so many clocks, or at an OUT to port 7.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <vector>

#include "Vowl_cpu.h"
#include "verilated.h"

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  std::ifstream file(argv[1], std::ios::binary);
  const std::vector<uint8_t> bytes(std::istreambuf_iterator<char>(file), {});
  std::vector<uint16_t> memory(2048);
  for (size_t i = 0; i < memory.size() && 2 * i + 1 < bytes.size(); i++) memory[i] = uint16_t(bytes[2 * i] | bytes[2 * i + 1] << 8);
  Vowl_cpu cpu;
  cpu.rst = 1;
  for (long clock = 0; clock < std::atol(argv[2]); clock++) {
    cpu.clk = 0;
    cpu.eval();
    cpu.port_in = uint8_t(37 * cpu.port + 11 * cpu.number + 5);
    cpu.eval();
    const uint16_t read = memory[cpu.read_address];
    if (!cpu.rst && cpu.write) memory[cpu.write_address] = cpu.d;
    if (!cpu.rst && cpu.port_write) {
      std::printf("%d %d %d\n", cpu.port, cpu.number, cpu.port_out);
      if (cpu.port == 7) break;
    }
    cpu.clk = 1;
    cpu.eval();
    cpu.q = read;
    cpu.rst = clock < 2;
  }
  return 0;
}
