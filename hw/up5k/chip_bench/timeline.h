// SPDX-License-Identifier: Apache-2.0
// Simulated time, seeded random numbers, and the log of events that all models of the bench write to.
#pragma once
#include <cstdarg>
#include <cstdint>
#include <cstdio>

using Time = uint64_t;  // picoseconds since the start
constexpr Time NEVER = ~Time(0), NS = 1000, US = 1000 * NS, MS = 1000 * US;

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15ull + 1) {}
  uint32_t bits() {
    state_ = state_ * 6364136223846793005ull + 1442695040888963407ull;
    return uint32_t(state_ >> 32);
  }
  uint64_t below(uint64_t limit) { return limit ? bits() % limit : 0; }                 // 0 .. limit - 1
  double around() { return double(int64_t(bits()) - (int64_t(1) << 31)) / 2147483648.0; }  // -1 .. 1

 private:
  uint64_t state_;
};

// One line per event on standard output: the time in picoseconds, the kind, the value.
class Log {
 public:
  __attribute__((format(printf, 4, 5))) void event(Time now, const char *kind, const char *form, ...) {
    std::printf("%llu %s ", (unsigned long long)now, kind);
    va_list values;
    va_start(values, form);
    std::vprintf(form, values);
    va_end(values);
    std::putchar('\n');
  }
  // What a real part would not take, or takes only by luck.
  __attribute__((format(printf, 3, 4))) void fault(Time now, const char *form, ...) {
    faults++;
    if (faults > 200) return;  // enough to see what is wrong
    std::printf("%llu fault ", (unsigned long long)now);
    va_list values;
    va_start(values, form);
    std::vprintf(form, values);
    va_end(values);
    std::putchar('\n');
  }
  uint64_t faults = 0;
};
