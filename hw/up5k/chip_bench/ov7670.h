// SPDX-License-Identifier: Apache-2.0
// Model of an OV7670 camera, after the public sources named in ov7670_registers.h and the data sheet's timing: a line takes 784 * 2
// byte times of VGA, a frame 510 lines: 3 with VSYNC high, 17 before the first pixel. Nobody tuned it to the chip's RTL.
// It logs `i2c` for registers read and written, `frame` as a frame begins, and a fault for what those sources do not document.
#pragma once
#include <map>

#include "camera.h"
#include "ov7670_registers.h"

class Ov7670 : public Camera {
 public:
  static constexpr size_t ROWS = 240, COLUMNS = 320;  // of the pictures: QVGA
  static constexpr Time RESET = 1 * MS;               // drivers wait 1 to 2 ms after 12=80
  using Camera::Camera;

  // Where the chip makes no XCLK, the module's own oscillator does.
  Time next_pixel() const override { return outside_ ? outputs_ : std::min(own_edge_, outputs_); }
  void advance(Time now) override {
    if (now >= outputs_) {
      outputs_ = NEVER;
      pins = coming_;
    }
    if (!outside_ && now >= own_edge_) {
      own_edge_ += Time(5e5 / options_.clock_mhz);
      edge(now);
    }
  }
  void xclk(Time now, bool level) override {
    outside_ = true;
    if (level && rose_) {
      const Time period = now - rose_;
      if (period < 20 * NS || period > 100 * NS) log_.fault(now, "ov7670: XCLK of %.1f MHz, expected 10 to 48", 1e6 / double(period));
    }
    if (level) rose_ = now;
    edge(now);
  }

 protected:
  bool address(Time now, uint8_t byte, bool repeated) override {
    if (options_.absent) return false;
    if (byte >> 1 != 0x21) {
      log_.fault(now, "ov7670: SCCB address 0x%02X, expected 0x42 or 0x43", byte);
      return false;
    }
    if (repeated) log_.fault(now, "ov7670: SCCB knows no repeated START");
    bytes_ = 0;
    reads_ = byte & 1;
    return true;
  }
  bool write(Time now, uint8_t byte) override {
    if (bytes_ == 0) register_ = byte;
    else if (bytes_ == 1) store(now, register_, byte);
    else log_.fault(now, "ov7670: more than two bytes in a write");
    bytes_++;
    return true;
  }
  uint8_t read(Time now) override {
    if (bytes_++) log_.fault(now, "ov7670: more than one byte in a read");
    int result = value(register_, 0);
    if (register_ == 0x0A) result = options_.wrong_id ? 0x99 : 0x76;
    if (register_ == 0x0B) result = 0x73;
    log_.event(now, "i2c", "read %02X %02X", register_, result);
    return uint8_t(result);
  }
  void end(Time now) override {
    if (!reads_ && bytes_ == 0) log_.fault(now, "ov7670: a write without a register");
  }

 private:
  int value(uint8_t at, int otherwise) const {
    const auto found = registers_.find(at);
    return found == registers_.end() ? otherwise : found->second;
  }
  void store(Time now, uint8_t at, uint8_t byte) {
    log_.event(now, "i2c", "write %02X %02X", at, byte);
    if (now < reset_until_) {
      log_.fault(now, "ov7670: a write to %02X while the reset runs; it is lost", at);
      return;
    }
    bool documented = false;
    for (const Ov7670Register &known : OV7670_REGISTERS)
      if (known.at == at)
        for (uint8_t allowed : known.values) documented = documented || allowed == byte;
    if (!documented) log_.fault(now, "ov7670: %02X=%02X is in no published table", at, byte);
    if (at == 0x12 && byte & 0x80) {
      registers_.clear();
      reset_until_ = now + RESET;
      was_reset_ = true;
    } else {
      if (!was_reset_) log_.fault(now, "ov7670: %02X written before the reset 12=80", at);
      registers_[at] = byte;
    }
    written_ = now;
    set_up();
  }

  // What the registers make of a frame. Values after a reset are the data sheet's.
  void set_up() {
    const int clock = value(0x11, 0x80), multiplier = value(0x6B, 0x0A) >> 6;
    divider_ = clock & 0x40 ? 1 : unsigned(clock & 0x3F) + 1;
    pll_ = multiplier != 0;
    qvga_ = value(0x0C, 0) & 0x04 && value(0x3E, 0) == 0x19 && value(0x72, 0x11) == 0x11 && value(0x73, 0) == 0xF1;
    yuv_ = !(value(0x12, 0) & 0x05);
    luma_first_ = !(value(0x3A, 0x0D) & 0x08);
    const int start = value(0x17, 0x11) << 3 | (value(0x32, 0x80) & 7), stop = value(0x18, 0x61) << 3 | (value(0x32, 0x80) >> 3 & 7);
    columns_ = size_t((stop - start + 784) % 784);
    const int first = value(0x19, 0x03) << 2 | (value(0x03, 0) & 3), last = value(0x1A, 0x7B) << 2 | (value(0x03, 0) >> 2 & 3);
    rows_ = size_t(std::max(0, last - first));
    vsync_low_ = value(0x15, 0) & 0x02;
    href_low_ = value(0x15, 0) & 0x08;
    gated_ = value(0x15, 0) & 0x20;
  }

  void edge(Time now) {
    // A camera streams from power-up on; until its registers are written its frames are VGA and of no use to anybody.
    if (++edges_ < divider_ * (qvga_ ? 2 : 1)) return;
    edges_ = 0;
    coming_ = pins;
    if (clock_) {  // PCLK falls, and the pins change with it
      clock_ = false;
      next_byte(now);
    } else {
      clock_ = true;
    }
    const bool active = coming_.href != href_low_;
    coming_.pclk = clock_ && (active || !(gated_ || options_.gated_pclk));
    outputs_ = now + 5 * NS + random_.below(4 * NS);
  }
  void next_byte(Time now) {
    const uint64_t line = qvga_ ? 784 : 1568;  // byte times of PCLK in a line's time
    if (++tick_ >= line) {
      tick_ = 0;
      line_++;
    }
    if (line_ >= 510 + gap_ || (tick_ == 0 && line_ == 3 && hold_)) {
      line_ = 0;
      if (!hold_ && checked_) frame_++;
      gap_ = random_.below(options_.gap_lines + 1);
    }
    if (tick_ == 0 && line_ == 0) {
      hold_ = options_.stopped || options_.absent || frame_ >= options_.frames || now < reset_until_;
      if (!hold_) begin(now);
    }
    coming_.vsync = (line_ < 3 && !hold_) != vsync_low_;
    const size_t every = qvga_ ? 2 : 1, row = (line_ - 20) / every;
    const size_t columns = qvga_ ? columns_ / 2 : columns_, rows = options_.short_frame ? options_.short_frame : rows_ / every;
    // At QVGA a line's bytes come in the first of its two line times.
    const bool active = !hold_ && line_ >= 20 && (line_ - 20) % every == 0 && row < rows && tick_ < 2 * (columns + options_.extra_columns);
    coming_.href = active != href_low_;
    coming_.data = active ? byte(now, row, tick_ / 2, columns) : 0;
  }
  uint8_t byte(Time now, size_t row, size_t column, size_t columns) {
    const bool luma = (tick_ % 2 == 0) == (luma_first_ != bool(options_.swap_order));
    if (!yuv_ || !luma || column >= columns || column >= COLUMNS || row >= ROWS) return uint8_t(random_.bits());
    if (row == options_.mark_row && column == options_.mark_column && checked_) log_.event(now, "mark", "%llu", (unsigned long long)frame_);
    return qvga_ ? pixel(frame_, ROWS, COLUMNS, row, column) : pixel(frame_, ROWS, COLUMNS, row / 2 % ROWS, column / 2);
  }
  void begin(Time now) {
    if (checked_) log_.event(now, "frame", "%llu", (unsigned long long)frame_);
    if (checked_ || now - written_ < 5 * MS) return;  // the table is still being written
    checked_ = true;
    log_.event(now, "camera", "starts");
    log_.event(now, "frame", "%llu", (unsigned long long)frame_);
    for (const auto &needed : OV7670_NEEDED)
      if (value(needed[0], -1) != needed[1])
        log_.fault(now, "ov7670: %02X is %s%02X, expected %02X", needed[0], registers_.count(needed[0]) ? "" : "not written, ",
                   value(needed[0], 0), needed[1]);
    if (value(0x3D, 0x88) & 1) log_.fault(now, "ov7670: 3D bit 0 swaps the bytes");
    if (pll_) log_.fault(now, "ov7670: the PLL (6B) is not modelled; leave it off");
    if (rows_ != 480) log_.fault(now, "ov7670: the window has %zu lines, expected 480", rows_);
    if (columns_ < 640) log_.fault(now, "ov7670: the window has %zu columns, expected 640 or a few more", columns_);
  }

  std::map<uint8_t, uint8_t> registers_;
  uint8_t register_ = 0;
  int bytes_ = 0;
  bool reads_ = false, was_reset_ = false, checked_ = false, hold_ = true;
  Time reset_until_ = 0, written_ = 0, rose_ = 0;
  bool outside_ = false;  // the chip makes XCLK
  Time own_edge_ = 0, outputs_ = NEVER;
  unsigned divider_ = 1, edges_ = 0;
  bool pll_ = false, qvga_ = false, yuv_ = true, luma_first_ = false, vsync_low_ = false, href_low_ = false, gated_ = false, clock_ = false;
  size_t columns_ = 640, rows_ = 480;
  uint64_t tick_ = 0, line_ = 0, gap_ = 0;
  CameraPins coming_;  // what the pins become a few nanoseconds after the edge of XCLK
};
