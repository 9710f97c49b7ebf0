// SPDX-License-Identifier: Apache-2.0
// Drives the models of the chip's bench without any chip: an ideal I2C master, an ideal camera receiver, an SPI flash reader, two UARTs.
// usage: models_check camera hm01b0|ov7670 PICTURES [KEY=VALUE...]   commands on standard input, see `camera`
//        models_check flash CONTENT AWAKE                                commands on standard input, see `flash`
//        models_check uart ERROR JITTER COUNT SEED                       prints how many bytes came over unchanged
//        models_check spi HEX...                                         an SPI host against a device that answers each byte's complement
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>

#include "hm01b0.h"
#include "host.h"
#include "ov7670.h"
#include "spi_flash.h"

static std::vector<uint8_t> slurp(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return std::vector<uint8_t>(std::istreambuf_iterator<char>(file), {});
}

// Takes what a camera gives: a line per HREF pulse, a value per rising PCLK within it.
struct Receiver {
  CameraPins was;
  std::vector<std::vector<uint8_t>> lines;
  Time first = 0, last = 0;  // rising PCLK edges with HREF in the current line
  void look(Time now, const CameraPins &pins, Log &log) {
    if (pins.vsync != was.vsync) log.event(now, "vsync", "%d after %llu lines", pins.vsync, (unsigned long long)lines.size());
    if (pins.href && !was.href) lines.emplace_back(), first = 0;
    if (!pins.href && was.href)
      log.event(now, "line", "%zu values, PCLK %.3f ns", lines.back().size(), double(last - first) / double(lines.back().size() - 1) / 1000);
    if (pins.pclk && !was.pclk) {
      edges++;
      if (pins.href) {
        if (pins.data != was.data) log.event(now, "unstable", "data changed as PCLK rose");
        lines.back().push_back(pins.data);
        if (!first) first = now;
        last = now;
      }
    }
    was = pins;
  }
  uint64_t edges = 0;
};

class CameraCheck {
 public:
  CameraCheck(const std::string &kind, std::vector<uint8_t> pictures) : random_(5) {
    if (kind == "hm01b0") camera_ = std::make_unique<Hm01b0>(log_, random_, options, std::move(pictures));
    else camera_ = std::make_unique<Ov7670>(log_, random_, options, std::move(pictures));
  }
  // `half US`: half an SCL period. `i2c WORD...`: S START, P STOP, rA and rN read a byte and acknowledge it or not, anything else is a
  // byte to write, in hex. `wait US`. `write FILE`: the received values, a line after the other.
  int commands() {
    std::string line;
    while (std::getline(std::cin, line)) {
      std::istringstream words(line);
      std::string verb, word;
      words >> verb;
      if (verb == "i2c")
        while (words >> word) transfer(word);
      else if (words >> word, verb == "half") half_ = Time(std::stod(word) * double(US));
      else if (verb == "wait") wait(Time(std::stod(word) * double(US)));
      else if (verb == "write") save(word);
      else return 2;
    }
    log_.event(now_, "edges", "%llu", (unsigned long long)receiver_.edges);
    return 0;
  }
  CameraOptions options;

 private:
  void wait(Time time) {
    const Time until = now_ + time;
    for (;;) {
      const Time next = std::min(camera_->next(), camera_->next_pixel());
      if (next > until) break;
      now_ = next;
      if (now_ >= camera_->next_pixel()) camera_->advance(now_);
      camera_->step(now_, scl_low_, sda_low_);
      receiver_.look(now_, camera_->pins, log_);
    }
    now_ = until;
  }
  void lines(bool scl, bool sda) {
    scl_low_ = !scl;
    sda_low_ = !sda;
    camera_->step(now_, scl_low_, sda_low_);
  }
  bool bit(bool value) {
    lines(false, value);
    wait(half_);
    lines(true, value);
    wait(half_);
    const bool level = camera_->sda();
    lines(false, value);
    wait(half_ / 4);
    return level;
  }
  void transfer(const std::string &word) {
    if (word == "S") {
      lines(false, true);
      wait(half_);
      lines(true, true);
      wait(half_);
      lines(true, false);
      wait(half_);
      lines(false, false);
      wait(half_ / 4);
    } else if (word == "P") {
      lines(false, false);
      wait(half_);
      lines(true, false);
      wait(half_);
      lines(true, true);
      wait(half_);
    } else if (word[0] == 'r') {
      unsigned byte = 0;
      for (int count = 0; count < 8; count++) byte = byte << 1 | (bit(true) ? 1 : 0);
      bit(word[1] != 'A');
      log_.event(now_, "got", "%02X", byte);
    } else {
      const unsigned byte = unsigned(std::stoul(word, nullptr, 16));
      for (int at = 7; at >= 0; at--) bit(byte >> at & 1);
      log_.event(now_, "ack", "%d", !bit(true));
    }
  }
  void save(const std::string &path) {
    std::ofstream file(path, std::ios::binary);
    for (const auto &line : receiver_.lines) file.write(reinterpret_cast<const char *>(line.data()), std::streamsize(line.size()));
  }
  Log log_;
  Random random_;
  std::unique_ptr<Camera> camera_;
  Receiver receiver_;
  Time now_ = US, half_ = 5 * US;
  bool scl_low_ = false, sda_low_ = false;
};

// `cs 0|1`, `wait NS`, `byte HEX`: eight bits each way at 15 MHz.
static int flash(const std::string &content, bool awake) {
  Log log;
  SpiFlash flash(log, slurp(content), awake);
  Time now = US;
  bool cs_n = true;
  const auto pins = [&](bool sck, bool mosi, Time time) {
    flash.step(now, cs_n, sck, mosi);
    now += time;
    flash.advance(now);
  };
  std::string verb, word;
  while (std::cin >> verb >> word) {
    if (verb == "cs") cs_n = word == "1", pins(false, false, 60 * NS);
    if (verb == "wait") pins(false, false, Time(std::stod(word) * double(NS)));
    if (verb != "byte") continue;
    const unsigned byte = unsigned(std::stoul(word, nullptr, 16));
    unsigned got = 0;
    for (int at = 7; at >= 0; at--) {
      pins(false, byte >> at & 1, 33 * NS);
      got = got << 1 | (flash.miso ? 1 : 0);
      pins(true, byte >> at & 1, 33 * NS);
    }
    pins(false, false, 33 * NS);
    log.event(now, "got", "%02X", got);
  }
  return 0;
}

static int uart(double error, double jitter, int count, uint64_t seed) {
  Log log;
  Random random(seed), bytes(seed + 1);
  UartHost sender(log, random, 115200, error, jitter), receiver(log, random, 115200, 0, 0);
  std::vector<uint8_t> sent;
  for (int index = 0; index < count; index++) sent.push_back(uint8_t(bytes.bits()));
  sender.send(sent);
  sender.wake(0);
  for (Time now = std::min(sender.next(), receiver.next()); now != NEVER; now = std::min(sender.next(), receiver.next())) {
    sender.advance(now);
    receiver.listens(now, sender.line);
    receiver.advance(now);
  }
  int same = 0;
  for (size_t index = 0; index < std::min(sent.size(), receiver.arrived.size()); index++) same += sent[index] == receiver.arrived[index];
  std::printf("same %d of %d\n", same, count);
  return 0;
}

static int spi(int argc, char **argv) {
  Log log;
  SpiHost host(log, 3.75e6, 0);
  std::vector<uint8_t> bytes;
  for (int index = 2; index < argc; index++) bytes.push_back(uint8_t(std::stoul(argv[index], nullptr, 16)));
  host.send(bytes);
  unsigned in = 0, out = 0xC3, bits = 0;  // the device: takes on rising SCK, gives on falling SCK
  bool sck = false;
  while (host.received < bytes.size() + 1 && host.next() < MS) {
    const Time now = host.next();
    host.advance(now, out >> 7 & 1);
    if (host.ss_n) continue;
    if (host.sck && !sck) {
      in = in << 1 | (host.mosi ? 1u : 0u);
      bits++;
    }
    if (!host.sck && sck) {
      out <<= 1;
      if (bits == 8) {
        out = ~in & 0xFF;
        bits = 0;
      }
    }
    sck = host.sck;
  }
  return 0;
}

int main(int argc, char **argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "uart" && argc == 6) return uart(std::stod(argv[2]), std::stod(argv[3]), std::stoi(argv[4]), std::stoull(argv[5]));
  if (what == "spi") return spi(argc, argv);
  if (what == "flash" && argc == 4) return flash(argv[2], argv[3][0] != '0');
  if (what != "camera" || argc < 4) return 2;
  CameraCheck check(argv[2], slurp(argv[3]));
  for (int index = 4; index < argc; index++) {
    const std::string word = argv[index];
    const size_t equals = word.find('=');
    if (equals == std::string::npos || !set_option(check.options, word.substr(0, equals), word.substr(equals + 1))) return 2;
  }
  return check.commands();
}
