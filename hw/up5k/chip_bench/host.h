// SPDX-License-Identifier: Apache-2.0
// The host at the other end of the link: a UART whose clock is off and shakes, or an SPI master that polls in mode 0.
#pragma once
#include <algorithm>
#include <cstdint>
#include <deque>
#include <vector>

#include "timeline.h"

class UartHost {
 public:
  // error: of the host's bit time, such as 0.02; jitter: of each of its edges, as a share of a bit time.
  UartHost(Log &log, Random &random, double baud, double error, double jitter)
      : log_(log), random_(random), bit_(1e12 / baud * (1 + error)), jitter_(jitter) {}

  void send(const std::vector<uint8_t> &bytes) { queue_.insert(queue_.end(), bytes.begin(), bytes.end()); }
  size_t waiting() const { return queue_.size() + (sent_bits_ ? 1 : 0); }

  Time next() const { return std::min(transmit_, sample_); }
  void advance(Time now) {
    if (now >= transmit_) transmit(now);
    if (now >= sample_) sample(now);
  }
  // Begins what was queued; called before a run.
  void wake(Time now) {
    if (transmit_ == NEVER && !queue_.empty()) transmit_ = now;
  }
  // The chip's output, at every change.
  void listens(Time now, bool level) {
    if (level_ && !level && !receiving_) {
      receiving_ = true;
      start_ = now;
      received_bits_ = 0;
      byte_ = 0;
      sample_ = now + Time(bit_ * 0.5);
    }
    level_ = level;
  }
  bool line = true;             // to the chip
  std::deque<uint8_t> arrived;  // from the chip, for the pseudo-terminal

 private:
  void transmit(Time now) {
    if (sent_bits_ == 0) {
      if (queue_.empty()) {
        transmit_ = NEVER;
        return;
      }
      frame_ = uint32_t(queue_.front()) << 1 | 0x200;  // start bit 0, eight bits, stop bit 1
      queue_.pop_front();
      began_ = now;
    }
    line = frame_ >> sent_bits_ & 1;
    sent_bits_ = (sent_bits_ + 1) % 10;
    const double edge = double(sent_bits_ ? sent_bits_ : 10) + (sent_bits_ ? jitter_ * random_.around() : 0.0);
    transmit_ = began_ + Time(bit_ * edge);
  }
  void sample(Time now) {
    if (received_bits_ == 0 && level_) {
      log_.fault(now, "uart: a low of less than half a bit");
      receiving_ = false;
      sample_ = NEVER;
      return;
    }
    if (received_bits_ >= 1 && received_bits_ <= 8) byte_ = uint8_t(byte_ >> 1 | (level_ ? 0x80 : 0));
    if (received_bits_ == 9) {
      if (!level_) log_.fault(now, "uart: no stop bit after 0x%02X", byte_);
      log_.event(now, "byte", "%02X", byte_);
      arrived.push_back(byte_);
      received++;
      receiving_ = false;
      sample_ = NEVER;
      return;
    }
    received_bits_++;
    sample_ = start_ + Time(bit_ * (0.5 + received_bits_));
  }

  Log &log_;
  Random &random_;
  double bit_, jitter_;
  std::deque<uint8_t> queue_;
  uint32_t frame_ = 0;
  int sent_bits_ = 0, received_bits_ = 0;
  uint8_t byte_ = 0;
  bool level_ = true, receiving_ = false;
  Time transmit_ = NEVER, sample_ = NEVER, began_ = 0, start_ = 0;

 public:
  uint64_t received = 0;
};

class SpiHost {
 public:
  // It polls without end: bytes that it has to send, else zeros. spacing: from the start of one byte to the start of the next.
  SpiHost(Log &log, double clock_hz, Time spacing) : log_(log), half_(Time(5e11 / clock_hz)), spacing_(std::max(spacing, 16 * half_)) {}

  void send(const std::vector<uint8_t> &bytes) { queue_.insert(queue_.end(), bytes.begin(), bytes.end()); }
  size_t waiting() const { return queue_.size() + (busy_ ? 1 : 0); }
  Time next() const { return next_; }

  void advance(Time now, bool miso) {
    if (now < next_) return;
    next_ = now + half_;
    if (!busy_) {
      ss_n = !selected;
      if (ss_n) {
        next_ = now + spacing_;
        return;
      }
      begin(now);
    } else if (!sck) {  // both sides take a bit
      sck = true;
      in_ = uint8_t(in_ << 1 | (miso ? 1 : 0));
    } else {  // both sides give the next
      sck = false;
      if (++bits_ < 8) {
        mosi = out_ >> (7 - bits_) & 1;
        return;
      }
      take(now);
      busy_ = false;
      next_ = std::max(now + half_, began_ + spacing_);
    }
  }
  bool selected = true;  // what the next byte begins with; a packet ends where it falls
  bool ss_n = true, sck = false, mosi = false;
  std::deque<uint8_t> arrived;
  uint64_t received = 0;

 private:
  void begin(Time now) {
    busy_ = true;
    began_ = now;
    bits_ = 0;
    out_ = queue_.empty() ? 0 : queue_.front();
    if (!queue_.empty()) queue_.pop_front();
    mosi = out_ >> 7;
  }
  void take(Time now) {
    zeros_ = in_ ? 0 : zeros_ + 1;
    if (zeros_ > 600) return;  // silence: longer than any packet's zeros
    log_.event(now, "byte", "%02X", in_);
    arrived.push_back(in_);
    received++;
  }

  Log &log_;
  Time half_, spacing_, next_ = 100 * US, began_ = 0;
  std::deque<uint8_t> queue_;
  bool busy_ = false;
  int bits_ = 0;
  uint64_t zeros_ = 600;
  uint8_t in_ = 0, out_ = 0;
};
