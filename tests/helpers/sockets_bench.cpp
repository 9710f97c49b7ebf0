// SPDX-License-Identifier: Apache-2.0
// Test bench of many circuits at once, each in a socket of the module `sockets` that sockets.py writes: a stream of words in, one out.
// usage: bench INPUTS OUTPUTS MAX_CYCLES GAP_SEED RESET_AT
// INPUTS: uint32 sockets; for each socket: uint32 words in, uint32 words out, and its words of 16 bytes.
// OUTPUTS: for each socket, each word that came: 16 bytes, and the cycle as uint64.
// GAP_SEED: 0 offers and takes a word every cycle; any other seeds random pauses. RESET_AT: at this cycle, if not 0, all is reset, what
// came is forgotten, and the words are sent anew.
// Exit status: 0 all words came, 4 not within MAX_CYCLES.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "Vsockets.h"
#include "verilated.h"

struct Socket {
  std::vector<uint32_t> in;
  size_t words = 0, expected = 0, sent = 0;
  bool offered = false;
  std::vector<uint8_t> out;
  size_t came() const { return out.size() / 24; }
};

int main(int argc, char **argv) {
  Verilated::commandArgs(argc, argv);
  std::ifstream file(argv[1], std::ios::binary);
  const std::vector<char> raw(std::istreambuf_iterator<char>(file), {});
  const uint32_t *at = reinterpret_cast<const uint32_t *>(raw.data());
  std::vector<Socket> sockets(*at++);
  for (Socket &socket : sockets) {
    socket.words = *at++;
    socket.expected = *at++;
    socket.in.assign(at, at + 4 * socket.words);
    at += 4 * socket.words;
  }
  const uint64_t limit = std::strtoull(argv[3], nullptr, 10), reset_at = std::strtoull(argv[5], nullptr, 10);
  uint64_t random = std::strtoull(argv[4], nullptr, 10);
  const bool gaps = random != 0;
  Vsockets top;
  uint64_t cycle = 0, begin = 8;
  int status = 0;
  for (bool done = false; !done; cycle++) {
    if (cycle == limit) {
      status = 4;
      break;
    }
    if (reset_at && cycle == reset_at) {
      begin = cycle + 8;
      for (Socket &socket : sockets) {
        socket.sent = 0;
        socket.offered = false;
        socket.out.clear();
      }
    }
    top.rst = cycle < 4 || (reset_at && cycle >= reset_at && cycle < reset_at + 1);
    const bool live = cycle >= begin;
    uint64_t valid = 0, ready = 0;
    for (size_t i = 0; i < sockets.size(); i++) {
      Socket &socket = sockets[i];
      if (gaps) random = random * 6364136223846793005ull + 1442695040888963407ull;
      const unsigned dice = unsigned(random >> 40);
      socket.offered = live && socket.sent < socket.words && (socket.offered || !gaps || dice % 4 != 0);
      if (socket.offered) valid |= uint64_t(1) << i;
      if (live && (!gaps || (dice >> 8) % 4 == 0)) ready |= uint64_t(1) << i;
      for (int part = 0; part < 4; part++) top.s_data[4 * i + part] = socket.offered ? socket.in[4 * socket.sent + part] : 0xA5A5A5A5u;
    }
    top.s_valid = valid;
    top.m_ready = ready;
    top.clk = 0;
    top.eval();
    const uint64_t taken = valid & top.s_ready, given = ready & top.m_valid;
    done = live;
    for (size_t i = 0; i < sockets.size(); i++) {
      Socket &socket = sockets[i];
      if (given >> i & 1) {
        uint8_t word[24];
        for (int part = 0; part < 4; part++) {
          const uint32_t value = top.m_data[4 * i + part];
          std::memcpy(word + 4 * part, &value, 4);
        }
        std::memcpy(word + 16, &cycle, 8);
        if (socket.came() < socket.expected) socket.out.insert(socket.out.end(), word, word + 24);
      }
      if (taken >> i & 1) {
        socket.sent++;
        socket.offered = false;
      }
      if (socket.came() < socket.expected) done = false;
    }
    top.clk = 1;
    top.eval();
  }
  std::ofstream out(argv[2], std::ios::binary);
  for (const Socket &socket : sockets) {
    const uint32_t came = uint32_t(socket.came());
    out.write(reinterpret_cast<const char *>(&came), 4);
    out.write(reinterpret_cast<const char *>(socket.out.data()), std::streamsize(socket.out.size()));
  }
  return status;
}
