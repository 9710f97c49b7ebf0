// SPDX-License-Identifier: Apache-2.0
// Model of an HM01B0 camera on a 4-bit bus, after the public sources named in hm01b0_registers.h; nobody tuned it to the chip's RTL.
// It logs `i2c` for every register read and written, `frame` as a frame begins, and a fault for what those sources do not document.
#pragma once
#include <cmath>
#include <map>

#include "camera.h"
#include "hm01b0_registers.h"

class Hm01b0 : public Camera {
 public:
  static constexpr size_t ROWS = 244, COLUMNS = 324;
  static constexpr Time RESET = 900 * US;  // a driver waits 1 ms after 0103=01
  using Camera::Camera;

  Time next_pixel() const override { return next_; }

  // Twice per PCLK period: first the pins change, later comes the edge at which the receiver takes them. With a skew, the data lines
  // settle in between, one after the other.
  void advance(Time now) override {
    if (now < next_) return;
    if (settling_) {
      const uint8_t wrong = pins.data ^ coming_;
      pins.data = wrong & (wrong - 1) ? pins.data ^ (wrong & -wrong) : coming_;
      settling_ = pins.data != coming_;
      next_ = settling_ ? now + Time(options_.skew_ns * NS / 4) : half_period();
      return;
    }
    const uint8_t before = pins.data;
    if (middle_) {
      if (in_line() || !options_.gated_pclk) pins.pclk = !falling_edge_;
      const bool last_half = step_ % steps_ == steps_ - 1;
      if (in_line() && last_half && row_ == options_.mark_row && column_ == options_.mark_column) log_.event(now, "mark", "%llu", (unsigned long long)frame_);
    } else if (!begin_period(now)) {
      return;
    }
    middle_ = !middle_;
    half_periods_++;
    next_ = half_period();
    coming_ = pins.data;
    if (middle_ && options_.skew_ns > 0 && coming_ != before) {
      pins.data = before;
      settling_ = true;
      next_ = now + Time(options_.skew_ns * NS / 4);
    }
  }

 protected:
  bool address(Time now, uint8_t byte, bool repeated) override {
    if (options_.absent) return false;
    if (byte >> 1 != 0x24) {
      log_.fault(now, "hm01b0: I2C address 0x%02X, expected 0x24", byte >> 1);
      return false;
    }
    if (byte & 1) {
      if (!repeated || bytes_ != 2) log_.fault(now, "hm01b0: a read without the register's two bytes before");
    } else {
      bytes_ = 0;
    }
    return true;
  }
  bool write(Time now, uint8_t byte) override {
    if (bytes_ < 2) {
      register_ = uint16_t(register_ << 8 | byte);
    } else if (bytes_ == 2) {
      store(now, register_, byte);
    } else {
      log_.fault(now, "hm01b0: more than one data byte in a write");
    }
    bytes_++;
    return true;
  }
  uint8_t read(Time now) override {
    uint8_t value = registers_.count(register_) ? registers_[register_] : 0;
    if (register_ == 0x0000) value = options_.wrong_id ? 0x0A : 0x01;
    if (register_ == 0x0001) value = options_.wrong_id ? 0x36 : 0xB0;
    if (register_ == 0x0100 && now < reset_until_) value = 0xFF;
    log_.event(now, "i2c", "read %04X %02X", register_, value);
    bytes_ = 0;
    return value;
  }
  void end(Time now) override {
    if (bytes_ && bytes_ < 3) log_.fault(now, "hm01b0: a write of %d bytes, expected two of the register and one of data", bytes_);
    bytes_ = 0;
  }

 private:
  static const Hm01b0Register *find(uint16_t at) {
    for (const Hm01b0Register &known : HM01B0_REGISTERS)
      if (known.at == at) return &known;
    return nullptr;
  }
  int value(uint16_t at, int otherwise) const {
    const auto found = registers_.find(at);
    return found == registers_.end() ? otherwise : found->second;
  }

  void store(Time now, uint16_t at, uint8_t byte) {
    log_.event(now, "i2c", "write %04X %02X", at, byte);
    if (now < reset_until_) {
      log_.fault(now, "hm01b0: a write to %04X while the reset runs; it is lost", at);
      return;
    }
    const Hm01b0Register *known = find(at);
    bool documented = false;
    if (known)
      for (uint8_t allowed : known->values) documented = documented || allowed == byte;
    if (!documented) log_.fault(now, "hm01b0: %04X=%02X is in no published table", at, byte);
    if (at == 0x0103 && byte == 1) {
      registers_.clear();
      reset_until_ = now + RESET;
      was_reset_ = true;
      streaming_ = false;
      next_ = NEVER;
      pins = CameraPins{};
      return;
    }
    if (!was_reset_) log_.fault(now, "hm01b0: %04X written before the reset 0103=01", at);
    if (streaming_ && at != 0x0100 && at != 0x0104) log_.fault(now, "hm01b0: %04X written while frames come", at);
    registers_[at] = at == 0x3052 && byte == 0x50 ? 0xD0 : byte;  // reads back so on the part
    if (at == 0x0104) applied_ = byte == 1;
    else if (at != 0x0100) applied_ = false;
    if (at == 0x0100) stopping_ = byte == 0;
    if (at == 0x0100 && byte == 1 && !streaming_) start(now);
  }

  void start(Time now) {
    for (const Hm01b0Register &known : HM01B0_REGISTERS)
      if (known.needed >= 0 && value(known.at, -1) != known.needed)
        log_.fault(now, "hm01b0: %04X is %s%02X at the start, expected %02X", known.at, registers_.count(known.at) ? "" : "not written, ",
                   value(known.at, 0), known.needed);
    if (!applied_) log_.fault(now, "hm01b0: 0100=01 without 0104=01 just before it");
    streaming_ = true;
    set_up();
    log_.event(now, "camera", "starts");
    begin_frame(now + MS);
  }

  // What the registers make of a frame; one that was never written has a value that shows it.
  void set_up() {
    four_bits_ = value(0x3059, 0x02) & 0x40;
    falling_edge_ = value(0x3068, 0x21) & 1;
    steps_ = four_bits_ ? 2 : 1;
    binning_ = value(0x0390, 3) == 3 ? 2 : 1;
    extra_ = value(0x1012, 1) ? 2 : 0;
    active_ = int64_t((COLUMNS / binning_ + extra_) * steps_);
    line_ = int64_t(value(0x0342, 2) << 8 | value(0x0343, 0)) * steps_;
    lines_ = uint64_t(value(0x0340, 2) << 8 | value(0x0341, 0x32));
    half_ps_ = 1e6 / options_.clock_mhz * double(8 >> (value(0x3060, 0) & 3)) / steps_ / 2;
  }

  void begin_frame(Time at) {
    next_ = origin_ = at;
    half_periods_ = 0;
    row_ = 0;
    step_ = -FRONT;
    middle_ = false;
    waiting_ = true;
  }
  // When the next half of a PCLK period begins.
  Time half_period() const {
    const double late = middle_ ? 2 * options_.duty - 1 : 0;
    return origin_ + Time(std::llround((double(half_periods_) + late) * half_ps_));
  }
  bool in_line() const { return !waiting_ && row_ < rows_ && step_ >= 0 && step_ < active_; }

  // False where no frame shall begin now.
  bool begin_period(Time now) {
    pins.pclk = falling_edge_;
    if (!waiting_ && ++step_ == line_ - FRONT) {
      step_ = -FRONT;
      row_++;
      if (row_ >= rows_) pins.vsync = false;
      if (row_ >= rows_ + rows_blank_) {
        frame_++;
        begin_frame(now);
      }
    }
    if (waiting_) {
      if (stopping_) streaming_ = false;
      if (stopping_ || options_.stopped || options_.absent || frame_ >= options_.frames) {
        begin_frame(streaming_ ? now + 100 * US : NEVER);
        return false;
      }
      waiting_ = false;
      pins.vsync = true;
      rows_ = options_.short_frame ? options_.short_frame : ROWS / binning_;
      rows_blank_ = lines_ - std::min<uint64_t>(lines_, ROWS / binning_) + random_.below(options_.gap_lines + 1);
      log_.event(now, "frame", "%llu", (unsigned long long)frame_);
    }
    pins.href = in_line();
    if (!pins.href) {
      pins.data = 0;
      return true;
    }
    // The two extra columns come first: the picture is shifted against HREF.
    const int64_t at = step_ / steps_;
    column_ = at < extra_ ? NEVER : size_t(at) - extra_;
    const uint8_t byte = column_ == NEVER ? uint8_t(random_.bits()) : shown();
    if (!four_bits_) pins.data = byte;
    else pins.data = (step_ % 2 == 0) != bool(options_.swap_order) ? byte & 15 : byte >> 4;
    return true;
  }
  uint8_t shown() const {
    if (value(0x0601, 0) == 0x11) return (column_ % 9) == 8 ? 0 : uint8_t(1 << column_ % 9);  // a one that walks
    return pixel(frame_, ROWS, COLUMNS, row_ * binning_, column_ * binning_);
  }

  static constexpr int64_t FRONT = 40;  // PCLK periods between the start of a line's time and its first pixel
  std::map<uint16_t, uint8_t> registers_;
  uint16_t register_ = 0;
  int bytes_ = 0;  // of the current write
  bool was_reset_ = false, applied_ = false, streaming_ = false, stopping_ = false;
  Time reset_until_ = 0;
  Time next_ = NEVER, origin_ = 0;
  bool four_bits_ = true, falling_edge_ = false;
  unsigned steps_ = 2, binning_ = 1, extra_ = 0;  // PCLK periods per pixel; ...; columns
  int64_t active_ = 0, line_ = 0;                 // PCLK periods of a line with HREF, and in all
  uint64_t rows_ = ROWS, lines_ = 0, rows_blank_ = 0;
  double half_ps_ = 0;  // half a PCLK period
  uint64_t half_periods_ = 0;
  size_t row_ = 0, column_ = NEVER;
  int64_t step_ = 0;      // PCLK periods since the first pixel of the line
  bool middle_ = false;   // the next change is the middle of a PCLK period
  bool waiting_ = false;  // for the first period of a frame
  bool settling_ = false;
  uint8_t coming_ = 0;  // what the data lines settle to
};
