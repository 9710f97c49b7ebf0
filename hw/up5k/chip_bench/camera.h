// SPDX-License-Identifier: Apache-2.0
// What the bench sees of a camera: its pins, its pictures, and faults that a test asks for.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "i2c_device.h"

struct CameraPins {
  uint8_t data = 0;
  bool pclk = false, vsync = false, href = false;
};

// What a run sets by `key=value`, or in its course by `set NAME VALUE`.
struct CameraOptions {
  double clock_mhz = 24.0;     // HM01B0: the oscillator of its module; OV7670: XCLK where the chip gives none
  double duty = 0.5;           // HM01B0: share of a PCLK period before its rising edge
  double skew_ns = 0;          // HM01B0: data bits change up to so long after the falling PCLK, each at its own time
  bool gated_pclk = false;     // PCLK stands still between lines
  uint64_t gap_lines = 0;      // up to so many more lines of pause after a frame, at random
  uint64_t extra_columns = 0;  // OV7670: more columns than 320 in a line
  uint64_t frames = NEVER;     // the camera stops after so many
  uint64_t absent = 0;         // nothing answers, nothing comes
  uint64_t stopped = 0;        // no further frame begins
  uint64_t wrong_id = 0;       // another part at the same address
  uint64_t swap_order = 0;     // HM01B0: high nibble first; OV7670: chroma first
  uint64_t short_frame = 0;    // frames end after so many lines; 0: whole ones
  uint64_t mark_row = NEVER, mark_column = NEVER;  // log `mark` as this pixel of the picture is there
};

// False for a name that is none of them.
inline bool set_option(CameraOptions &options, const std::string &name, const std::string &text) {
  const std::map<std::string, uint64_t *> numbers = {
      {"gap_lines", &options.gap_lines}, {"extra_columns", &options.extra_columns}, {"frames", &options.frames},
      {"absent", &options.absent},       {"stopped", &options.stopped},             {"wrong_id", &options.wrong_id},
      {"swap_order", &options.swap_order}, {"short_frame", &options.short_frame},   {"mark_row", &options.mark_row},
      {"mark_column", &options.mark_column}};
  if (name == "clock_mhz") options.clock_mhz = std::stod(text);
  else if (name == "duty") options.duty = std::stod(text);
  else if (name == "skew_ns") options.skew_ns = std::stod(text);
  else if (name == "gated_pclk") options.gated_pclk = text != "0";
  else if (numbers.count(name)) *numbers.at(name) = std::stoull(text);
  else return false;
  return true;
}

class Camera : public I2cDevice {
 public:
  Camera(Log &log, Random &random, CameraOptions &options, std::vector<uint8_t> pictures)
      : I2cDevice(log, random), options_(options), pictures_(std::move(pictures)) {}
  virtual Time next_pixel() const = 0;  // when the pins change next
  virtual void advance(Time now) = 0;
  virtual void xclk(Time, bool) {}  // the clock from the chip, at every change
  CameraPins pins;

 protected:
  // Byte of the picture that frame `frame` shows; pictures come round again.
  uint8_t pixel(uint64_t frame, size_t rows, size_t columns, size_t row, size_t column) const {
    const size_t size = rows * columns, count = pictures_.size() / size;
    return count ? pictures_[frame % count * size + row * columns + column] : 0;
  }
  CameraOptions &options_;
  std::vector<uint8_t> pictures_;
  uint64_t frame_ = 0;
};
