// SPDX-License-Identifier: Apache-2.0
// Model of a W25Q SPI flash, read only: power-down until 0xAB, then 0x03 reads. Mode 0: takes bits on the rising edge of SCK, gives
// them 7 ns after the falling one. Times are those of a W25Q32JV's data sheet: 3 us from 0xAB, 9 ns SCK high and low (50 MHz).
#pragma once
#include <cstdint>
#include <utility>
#include <vector>

#include "timeline.h"

class SpiFlash {
 public:
  SpiFlash(Log &log, std::vector<uint8_t> content, bool awake) : log_(log), content_(std::move(content)), awake_(awake) {}

  void step(Time now, bool cs_n, bool sck, bool mosi) {
    if (cs_n != cs_n_) {
      if (cs_n) finish(now);
      else begin(now);
    } else if (!cs_n && sck != sck_) {
      if (edge_ && now - edge_ < 9 * NS) log_.fault(now, "flash: SCK high or low for less than 9 ns");
      edge_ = now;
      sck ? rise(now, mosi) : fall(now);
    }
    cs_n_ = cs_n;
    sck_ = sck;
  }
  Time next() const { return changes_; }
  void advance(Time now) {
    if (now < changes_) return;
    changes_ = NEVER;
    miso = coming_;
  }
  bool miso = true;

 private:
  void begin(Time now) {
    if (selected_ && now - selected_ < 50 * NS) log_.fault(now, "flash: CS# high for less than 50 ns");
    bits_ = command_ = 0;
    edge_ = 0;
  }
  void rise(Time now, bool mosi) {
    if (bits_ >= 32) return;
    command_ = command_ << 1 | (mosi ? 1u : 0u);
    bits_++;
    if (bits_ == 8) {
      const uint8_t code = uint8_t(command_);
      if (code == 0x03 && !awake_) log_.fault(now, "flash: read in power-down, 0xAB first");
      else if (code == 0x03 && now < ready_) log_.fault(now, "flash: read less than 3 us after 0xAB");
      else if (code != 0x03 && code != 0xAB) log_.fault(now, "flash: command 0x%02X is not one of 0x03 and 0xAB", code);
      reads_ = code == 0x03 && awake_ && now >= ready_;
    }
    if (bits_ == 32) bit_ = uint64_t(command_ & 0xFFFFFF) * 8;
  }
  void fall(Time now) {
    if (bits_ != 32 || !reads_) return;
    const uint64_t byte = bit_ / 8;
    coming_ = byte < content_.size() ? content_[byte] >> (7 - bit_ % 8) & 1 : true;  // erased
    changes_ = now + 7 * NS;
    bit_++;
  }
  void finish(Time now) {
    if (bits_ == 8 && command_ == 0xAB) {
      if (!awake_) ready_ = now + 3 * US;
      awake_ = true;
    } else if (bits_ && bits_ < 32) {  // selected and left alone is nothing
      log_.fault(now, "flash: CS# rose after %d bits of a command", bits_);
    }
    selected_ = now;
    coming_ = true;
    changes_ = now + 7 * NS;
  }

  Log &log_;
  std::vector<uint8_t> content_;
  bool awake_, reads_ = false, cs_n_ = true, sck_ = false, coming_ = true;
  uint32_t command_ = 0;
  int bits_ = 0;       // of the command and its address so far
  uint64_t bit_ = 0;   // of the content, the next to give
  Time changes_ = NEVER, ready_ = 0, edge_ = 0, selected_ = 0;
};
