// SPDX-License-Identifier: Apache-2.0
// An I2C bus of two open-drain lines with pull-ups, and the part of a device that both cameras share: START, STOP, bytes,
// acknowledge, and the minimum times of the 400 kHz fast mode (I2C-bus specification, table 10; SCCB asks for the same times).
#pragma once
#include <algorithm>
#include <cstdint>

#include "timeline.h"

// A released line rises slowly: what the bus sees goes high `RISE` after the last driver let go, and low at once.
class OpenDrainLine {
 public:
  static constexpr Time RISE = 300 * NS;
  void drive(Time now, bool low) {
    if (low) {
      level_ = false;
      rises_ = NEVER;
    } else if (!level_ && rises_ == NEVER) {
      rises_ = now + RISE;
    }
  }
  void advance(Time now) {
    if (now >= rises_) {
      level_ = true;
      rises_ = NEVER;
    }
  }
  Time next() const { return rises_; }
  bool level() const { return level_; }

 private:
  bool level_ = true;
  Time rises_ = NEVER;
};

class I2cDevice {
 public:
  I2cDevice(Log &log, Random &random) : log_(log), random_(random) {}
  virtual ~I2cDevice() = default;

  // The master's drivers; called at every change and whenever `next()` has come.
  void step(Time now, bool master_scl_low, bool master_sda_low) {
    if (now >= turns_) {
      pulls_ = will_pull_;
      turns_ = NEVER;
    }
    scl_.drive(now, master_scl_low);
    sda_.drive(now, master_sda_low || pulls_);
    scl_.advance(now);
    sda_.advance(now);
    const bool scl = scl_.level(), sda = sda_.level();
    if (scl && !was_scl_ && sda != was_sda_) log_.fault(now, "i2c: SDA changed as SCL rose");
    if (was_scl_ && scl && sda != was_sda_) sda ? stop(now) : start(now);
    if (scl && !was_scl_) rise(now, sda);
    if (!scl && was_scl_) fall(now);
    if (sda != was_sda_) sda_changed_ = now;
    was_scl_ = scl;
    was_sda_ = sda;
  }
  Time next() const { return std::min(turns_, std::min(scl_.next(), sda_.next())); }
  bool scl() const { return scl_.level(); }
  bool sda() const { return sda_.level(); }

 protected:
  virtual bool address(Time now, uint8_t byte, bool repeated) = 0;  // the first byte after a START; true acknowledges
  virtual bool write(Time now, uint8_t byte) = 0;                   // a byte from the master
  virtual uint8_t read(Time now) = 0;                               // a byte for the master
  virtual void end(Time now) = 0;                                   // STOP after a transfer to this device
  Log &log_;
  Random &random_;

 private:
  enum class Phase { IDLE, ADDRESS, WRITE, READ, IGNORE };

  void at_least(Time now, Time since, Time minimum, const char *what) {
    if (since && now - since < minimum)
      log_.fault(now, "i2c: %s of %llu ns, at least %llu", what, (unsigned long long)((now - since) / NS), (unsigned long long)(minimum / NS));
  }

  void start(Time now) {
    at_least(now, stopped_, 1300 * NS, "bus free time");
    const bool repeated = phase_ != Phase::IDLE;
    if (repeated) {
      at_least(now, rose_, 600 * NS, "START set-up");
      if (bits_ > 1) log_.fault(now, "i2c: START inside a byte, after %d bits", bits_ - 1);  // the rise before the START counted as one
    }
    repeated_ = repeated;
    started_ = now;
    phase_ = Phase::ADDRESS;
    bits_ = 0;
    release(now);
  }
  void stop(Time now) {
    at_least(now, rose_, 600 * NS, "STOP set-up");
    if (phase_ == Phase::IDLE) log_.fault(now, "i2c: STOP without a START");
    if (bits_ > 1) log_.fault(now, "i2c: STOP inside a byte, after %d bits", bits_ - 1);
    if (ours_) end(now);
    ours_ = false;
    phase_ = Phase::IDLE;
    stopped_ = now;
    started_ = 0;
    release(now);
  }
  void rise(Time now, bool sda) {
    at_least(now, fell_, 1300 * NS, "SCL low");
    at_least(now, sda_changed_, 100 * NS, "data set-up");
    rose_ = now;
    if (phase_ == Phase::IDLE) return;
    bits_++;
    if (bits_ <= 8) {
      byte_ = uint8_t(byte_ << 1 | (sda ? 1 : 0));
    } else if (phase_ == Phase::READ) {
      more_ = !sda;  // the master acknowledges what it reads when it wants more
    }
  }
  void fall(Time now) {
    at_least(now, rose_, 600 * NS, "SCL high");
    if (started_) at_least(now, started_, 600 * NS, "START hold");
    started_ = 0;
    fell_ = now;
    if (phase_ == Phase::IDLE) return;
    if (bits_ == 8) {
      if (phase_ == Phase::ADDRESS) {
        reading_ = byte_ & 1;
        acknowledged_ = ours_ = address(now, byte_, repeated_);
      } else if (phase_ == Phase::WRITE) {
        acknowledged_ = write(now, byte_);
      } else {
        acknowledged_ = false;  // the master's turn, or not our transfer
      }
      pull(now, acknowledged_);
    } else if (bits_ == 9) {
      bits_ = 0;
      if (phase_ == Phase::ADDRESS) {
        phase_ = !acknowledged_ ? Phase::IGNORE : reading_ ? Phase::READ : Phase::WRITE;
        more_ = true;
      } else if (phase_ == Phase::WRITE && !acknowledged_) {
        phase_ = Phase::IGNORE;
      }
      if (phase_ == Phase::READ && !more_) phase_ = Phase::IGNORE;
      if (phase_ == Phase::READ) out_ = read(now);
      pull(now, phase_ == Phase::READ && !(out_ & 0x80));
    } else if (phase_ == Phase::READ && bits_ > 0) {
      pull(now, !(out_ >> (7 - bits_) & 1));
    }
  }
  void pull(Time now, bool low) {
    if (low == pulls_ && turns_ == NEVER) return;
    will_pull_ = low;
    turns_ = now + 100 * NS + random_.below(800 * NS);  // up to 0.9 us: the latest that the fast mode allows
  }
  void release(Time now) {
    will_pull_ = false;
    if (pulls_ || turns_ != NEVER) turns_ = now;
  }

  OpenDrainLine scl_, sda_;
  bool was_scl_ = true, was_sda_ = true, pulls_ = false, will_pull_ = false;
  bool reading_ = false, acknowledged_ = false, more_ = false, repeated_ = false, ours_ = false;
  Phase phase_ = Phase::IDLE;
  int bits_ = 0;  // rises of SCL since the last whole byte
  uint8_t byte_ = 0, out_ = 0;
  Time turns_ = NEVER;  // when `pulls_` becomes `will_pull_`
  Time started_ = 0, stopped_ = 0, rose_ = 0, fell_ = 0, sda_changed_ = 0;
};
