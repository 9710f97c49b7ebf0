// SPDX-License-Identifier: Apache-2.0
// Test bench of the chip: an SPI flash, a pixel source that honours px_ready, and a host that takes scores.
// usage: bench FLASH PIXELS FRAMES CLASSES SCORES MAX_CYCLES GAP_SEED [+verilator+...]
// FLASH: image of the flash from address 0. PIXELS: bytes of all frames. SCORES: int16 little-endian, written at the end.
// The sensor never stops: after the last frame it begins anew, so that the rate measured is that of a running system.
// GAP_SEED: 0 offers a pixel and takes a score every cycle; any other seeds random pauses of both.
// Words that begin with +verilator+ go to Verilator, for example +verilator+seed+2.
// Prints one line of JSON: boot cycles, and for each frame the cycles of its first pixel and its last score.
// Exit status: 0 all scores came, 3 the error pin rose, 4 nothing came within MAX_CYCLES.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "Vowlbit_up5k.h"
#include "verilated.h"

static std::vector<uint8_t> slurp(const char *path) {
  std::ifstream file(path, std::ios::binary);
  return std::vector<uint8_t>(std::istreambuf_iterator<char>(file), {});
}

// A flash in power-down until 0xAB, then read by 0x03 and a 24-bit address; mode 0: samples on the rising edge, drives on the falling.
class SpiFlash {
 public:
  explicit SpiFlash(std::vector<uint8_t> content) : content_(std::move(content)) {}

  bool step(bool cs_n, bool sck, bool mosi) {
    if (cs_n) {
      if (bits_ == 8 && command_ == 0xAB) awake_ = true;
      bits_ = command_ = 0;
      miso_ = true;
    } else if (sck && !sck_ && bits_ < 32) {
      command_ = command_ << 1 | (mosi ? 1u : 0u);
      if (++bits_ == 32) next_ = uint64_t(command_ & 0xFFFFFF) * 8;
    } else if (!sck && sck_ && bits_ == 32 && awake_ && command_ >> 24 == 0x03) {
      const uint64_t byte = next_ / 8;
      miso_ = byte < content_.size() ? content_[byte] >> (7 - next_ % 8) & 1 : true;
      next_++;
    }
    sck_ = sck;
    return miso_;
  }

 private:
  std::vector<uint8_t> content_;
  bool awake_ = false, sck_ = false, miso_ = true;
  uint32_t command_ = 0;
  int bits_ = 0;       // of the command and address so far
  uint64_t next_ = 0;  // bit of the content to drive next
};

int main(int argc, char **argv) {
  Verilated::commandArgs(argc, argv);
  while (argc > 8 && std::string(argv[argc - 1]).rfind("+verilator+", 0) == 0) argc--;
  if (argc != 8) {
    std::fprintf(stderr, "usage: bench FLASH PIXELS FRAMES CLASSES SCORES MAX_CYCLES GAP_SEED [+verilator+...]\n");
    return 2;
  }
  SpiFlash flash(slurp(argv[1]));
  const std::vector<uint8_t> pixels = slurp(argv[2]);
  const size_t frames = std::strtoull(argv[3], nullptr, 10), classes = std::strtoull(argv[4], nullptr, 10);
  const uint64_t limit = std::strtoull(argv[6], nullptr, 10);
  uint64_t random = std::strtoull(argv[7], nullptr, 10);
  const bool gaps = random != 0;
  const size_t per_frame = frames ? pixels.size() / frames : 0;

  Vowlbit_up5k chip;
  std::vector<uint8_t> bytes;
  std::vector<uint64_t> first_pixel, last_score;
  size_t sent = 0;
  uint64_t cycle = 0, boot = 0;
  int status = 0;
  chip.clk = 0;
  chip.rst_n = 0;
  chip.px_valid = 0;
  chip.score_ready = 0;
  chip.flash_miso = 1;
  while (bytes.size() < frames * classes * 2) {
    if (cycle == limit) {
      status = 4;
      break;
    }
    if (gaps) random = random * 6364136223846793005ull + 1442695040888963407ull;
    const unsigned dice = unsigned(random >> 40);
    chip.rst_n = cycle >= 4;
    chip.px_valid = !pixels.empty() && (!gaps || dice % 4 != 0);
    chip.px_data = pixels.empty() ? 0 : pixels[sent % pixels.size()];
    chip.score_ready = !gaps || (dice >> 8) % 8 == 0;
    chip.clk = 0;
    chip.eval();
    const bool live = cycle >= 8;
    const bool take_pixel = live && chip.px_valid && chip.px_ready, take_score = live && chip.score_valid && chip.score_ready;
    if (live && chip.error) {
      status = 3;
      break;
    }
    if (live && !boot && (chip.idle || chip.px_ready)) boot = cycle;
    if (take_score) {
      bytes.push_back(chip.score_data);
      if (bytes.size() % (classes * 2) == 0) last_score.push_back(cycle);
    }
    if (take_pixel && sent++ % per_frame == 0) first_pixel.push_back(cycle);
    chip.clk = 1;
    chip.eval();
    chip.flash_miso = flash.step(chip.flash_cs_n, chip.flash_sck, chip.flash_mosi);
    cycle++;
  }
  std::ofstream(argv[5], std::ios::binary).write(reinterpret_cast<const char *>(bytes.data()), std::streamsize(bytes.size()));
  std::printf("{\"boot\": %llu, \"cycles\": %llu, \"first_pixel\": [", (unsigned long long)boot, (unsigned long long)cycle);
  for (size_t i = 0; i < first_pixel.size(); i++) std::printf("%s%llu", i ? ", " : "", (unsigned long long)first_pixel[i]);
  std::printf("], \"last_score\": [");
  for (size_t i = 0; i < last_score.size(); i++) std::printf("%s%llu", i ? ", " : "", (unsigned long long)last_score[i]);
  std::printf("]}\n");
  return status;
}
