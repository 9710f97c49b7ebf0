// SPDX-License-Identifier: Apache-2.0
// What both benches share: their arguments, the image's self-test, a flash, random pauses.
//   +image=FILE       image of a network, as `owlbit build` writes it behind the bitstream; +offset=N: where in FILE it lies
//   +frames=FILE      bytes of all frames; without it the image's own self-test frame, three times, and the scores must be its own
//   +scores=FILE      int16 little-endian, written at the end
//   +seed=N           other than 0: both sides pause at random
//   +max_cycles=N     when to give up
//   +trace=FILE       the port's signals as comma-separated values, of +trace_cycles=N cycles from +trace_from=N on
// Prints one line of JSON. Exit status: 0 done, 1 a score of the self-test is wrong, 2 wrong use, 3 the engine refused the image,
// 4 no scores in time, 5 the protocol of a port was broken.
#pragma once
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

using Bytes = std::vector<uint8_t>;
enum Status { DONE = 0, WRONG = 1, USAGE = 2, REFUSED = 3, TIMEOUT = 4, PROTOCOL = 5 };

[[noreturn]] inline void stop(Status status, const std::string &message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  std::exit(status);
}

class Arguments {
 public:
  Arguments(int argc, char **argv) : words_(argv + 1, argv + argc) {}
  std::string text(const std::string &name) const {
    for (const auto &word : words_)
      if (word.rfind("+" + name + "=", 0) == 0) return word.substr(name.size() + 2);
    return "";
  }
  uint64_t number(const std::string &name, uint64_t otherwise) const {
    const std::string value = text(name);
    return value.empty() ? otherwise : std::strtoull(value.c_str(), nullptr, 0);
  }
  Bytes file(const std::string &name) const {
    std::ifstream opened(text(name), std::ios::binary);
    if (!opened) stop(USAGE, "expected +" + name + "=FILE, a file that can be read, got \"" + text(name) + "\"");
    return Bytes(std::istreambuf_iterator<char>(opened), {});
  }

 private:
  std::vector<std::string> words_;
};

// Shape and self-test of an image; hw/up5k/compiler/flash_format.py has the format.
struct Image {
  Bytes bytes;
  unsigned rows, columns, colours, classes;
  size_t frame_bytes;
  Bytes frame;  // of the self-test
  std::vector<int16_t> expected;

  explicit Image(Bytes content) : bytes(std::move(content)) {
    if (bytes.size() < 164 || std::string(bytes.begin(), bytes.begin() + 4) != "OWLB") stop(USAGE, "+image: no image of a network");
    rows = two(8), columns = two(10), colours = two(12), classes = two(14);
    frame_bytes = size_t(rows) * columns * colours;
    const unsigned words = two(6) & 0x3FFF, flags = two(16);
    size_t at = 160 + size_t(words) * 8 + (flags & 1 ? size_t(classes) * 8 : 0);
    if (!(flags & 2) || bytes.size() < at + classes * 2 + frame_bytes) return;
    for (unsigned index = 0; index < classes; index++, at += 2) expected.push_back(int16_t(two(at)));
    frame.assign(bytes.begin() + long(at), bytes.begin() + long(at + frame_bytes));
  }

 private:
  unsigned two(size_t at) const { return unsigned(bytes[at]) << 8 | bytes[at + 1]; }
};

inline Image read_image(const Arguments &arguments) {
  const Bytes all = arguments.file("image");
  const uint64_t offset = arguments.number("offset", 0);
  return Image(Bytes(all.begin() + long(std::min<uint64_t>(offset, all.size())), all.end()));
}

// The frames to send; `repeats` of the self-test's where none are given.
inline Bytes read_frames(const Arguments &arguments, const Image &image) {
  if (!arguments.text("frames").empty()) return arguments.file("frames");
  if (image.expected.empty()) stop(USAGE, "the image has no self-test: expected +frames=FILE");
  Bytes frames;
  for (int repeat = 0; repeat < 3; repeat++) frames.insert(frames.end(), image.frame.begin(), image.frame.end());
  return frames;
}

// Writes +scores, and where the frames are the self-test's compares them.
inline Status judge(const Arguments &arguments, const Image &image, const std::vector<int16_t> &scores) {
  if (!arguments.text("scores").empty()) {
    std::ofstream file(arguments.text("scores"), std::ios::binary);
    for (const int16_t score : scores) file.put(char(score & 0xFF)).put(char(score >> 8 & 0xFF));
  }
  if (!arguments.text("frames").empty()) return DONE;
  for (size_t index = 0; index < scores.size(); index++) {
    const int16_t expected = image.expected[index % image.classes];
    if (scores[index] == expected) continue;
    std::fprintf(stderr, "self-test: class %zu: expected %d, got %d\n", index % image.classes, expected, scores[index]);
    return WRONG;
  }
  std::fprintf(stderr, "self-test passed: %zu scores are right\n", scores.size());
  return DONE;
}

// The signals of a port, a line per cycle, for the pictures of the documentation.
class Trace {
 public:
  Trace(const Arguments &arguments, const char *names)
      : from_(arguments.number("trace_from", 0)), end_(from_ + arguments.number("trace_cycles", 40)) {
    if (arguments.text("trace").empty()) return;
    file_.open(arguments.text("trace"));
    file_ << names << "\n";
  }
  void cycle(uint64_t number, std::initializer_list<uint64_t> values) {
    if (!file_.is_open() || number < from_ || number >= end_) return;
    const char *comma = "";
    for (const uint64_t value : values) {
      file_ << comma << value;
      comma = ",";
    }
    file_ << "\n";
  }

 private:
  std::ofstream file_;
  uint64_t from_, end_;
};

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed), pauses_(seed != 0) {}
  // True with the probability one in `of`, or always where nothing pauses.
  bool one_in(unsigned of) { return !pauses_ || next() % of == 0; }
  bool pauses() const { return pauses_; }
  unsigned next() {
    state_ = state_ * 6364136223846793005ull + 1442695040888963407ull;
    return unsigned(state_ >> 33);
  }

 private:
  uint64_t state_;
  bool pauses_;
};

// A flash in power-down until 0xAB, then read by 0x03 and a 24-bit address: takes bits on the rising edge, gives them on the falling.
class SpiFlash {
 public:
  SpiFlash(Bytes content, uint64_t offset) : content_(std::move(content)), offset_(offset) {}
  bool step(bool cs_n, bool sck, bool mosi) {
    if (cs_n) {
      awake_ = awake_ || (bits_ == 8 && command_ == 0xAB);
      bits_ = command_ = 0;
      miso_ = true;
    } else if (sck && !sck_ && bits_ < 32) {
      command_ = command_ << 1 | (mosi ? 1u : 0u);
      if (++bits_ == 32) next_ = uint64_t(command_ & 0xFFFFFF) * 8;
    } else if (!sck && sck_ && bits_ == 32 && awake_ && command_ >> 24 == 0x03) {
      const uint64_t byte = next_ / 8 - offset_;  // below the offset: far beyond the content
      miso_ = byte < content_.size() ? content_[byte] >> (7 - next_ % 8) & 1 : true;
      next_++;
    }
    sck_ = sck;
    return miso_;
  }

 private:
  Bytes content_;
  uint64_t offset_, next_ = 0;
  bool awake_ = false, sck_ = false, miso_ = true;
  uint32_t command_ = 0;
  int bits_ = 0;
};
