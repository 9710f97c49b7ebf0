// SPDX-License-Identifier: Apache-2.0
// Test bench of a board's whole chip: flash, camera, host, and the pins that it drives, in picoseconds.
// usage: bench KEY=VALUE... [+verilator+...], commands on standard input, events on standard output, one per line.
//   flash=FILE        content of the flash from address 0      clock_khz=N     clock of the chip
//   core_khz=N        of a second clock, on pin core_clk, where the chip has one
//   camera=KIND       none, hm01b0 or ov7670                   pictures=FILE   its pictures, one after the other
//   seed=N            of every random number                   flash_awake=0   1: the flash was left awake by the configuration
//   baud=N uart_error=X uart_jitter=X spi_hz=N spi_byte_us=N   of the host, as far as the board has the link
//   pty=1             the link goes to a pseudo-terminal; runs until standard input closes
//   and the names of CameraOptions (camera.h)
// Commands: `send HEX` queues bytes of the host; `run US [BYTES [WAKES]]` runs so long, or until so many further bytes came from the
// chip or so many times the wake pin rose; `set NAME VALUE` changes an option of the camera; `select 0` and `select 1` end and begin
// the selection of an SPI device; the end of input ends the run.
// Events: `TIME KIND VALUE`: byte, pin, i2c, frame, mark, camera, fault; `ready` after every command.
#include <poll.h>

#include <cmath>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <sstream>
#include <string>

#include "Vowl_chip.h"
#include "hm01b0.h"
#include "host.h"
#include "ov7670.h"
#include "ports.h"
#include "pseudo_terminal.h"
#include "spi_flash.h"
#include "verilated.h"

static std::vector<uint8_t> slurp(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  if (!path.empty() && !file) {
    std::fprintf(stderr, "bench: cannot read %s\n", path.c_str());
    std::exit(2);
  }
  return std::vector<uint8_t>(std::istreambuf_iterator<char>(file), {});
}

class Board {
 public:
  explicit Board(std::map<std::string, std::string> arguments) : arguments_(std::move(arguments)), random_(std::stoull(take("seed", "1"))) {
    half_ps_ = 5e8 / std::stod(take("clock_khz", "30000"));
    core_half_ps_ = 5e8 / std::stod(take("core_khz", "30000"));
    flash_ = std::make_unique<SpiFlash>(log_, slurp(take("flash", "")), take("flash_awake", "0") != "0");
    const std::string kind = take("camera", "none");
    const std::vector<uint8_t> pictures = slurp(take("pictures", ""));
    if (kind == "hm01b0") camera_ = std::make_unique<Hm01b0>(log_, random_, options_, pictures);
    if (kind == "ov7670") camera_ = std::make_unique<Ov7670>(log_, random_, options_, pictures);
    const double baud = std::stod(take("baud", "115200")), error = std::stod(take("uart_error", "0"));
    uart_ = std::make_unique<UartHost>(log_, random_, baud, error, std::stod(take("uart_jitter", "0")));
    const double spi = std::stod(take("spi_hz", "1000000"));
    spi_ = std::make_unique<SpiHost>(log_, spi, Time(std::stod(take("spi_byte_us", "100")) * double(US)));
    pty_ = take("pty", "0") != "0";
    for (const auto &[name, value] : arguments_)
      if (!set_option(options_, name, value)) {
        std::fprintf(stderr, "bench: unknown option %s\n", name.c_str());
        std::exit(2);
      }
    inputs();
    set_clk(chip_, 0, 0);
    chip_.eval();
    outputs();
  }

  int commands() {
    std::string line;
    while (std::getline(std::cin, line)) {
      std::istringstream words(line);
      std::string verb, first, second;
      words >> verb >> first >> second;
      if (verb == "send") {
        std::vector<uint8_t> bytes;
        for (size_t at = 0; at + 1 < first.size(); at += 2) bytes.push_back(uint8_t(std::stoul(first.substr(at, 2), nullptr, 16)));
        spi_link() ? spi_->send(bytes) : uart_->send(bytes);
      } else if (verb == "run") {
        uint64_t wakes = 0;
        words >> wakes;
        run(now_ + Time(std::stod(first) * double(US)), second.empty() ? 0 : std::stoull(second), wakes);
      } else if (verb == "select") {
        spi_->selected = first != "0";
      } else if (verb != "set" || !set_option(options_, first, second)) {
        std::fprintf(stderr, "bench: unknown command %s\n", line.c_str());
        return 2;
      }
      log_.event(now_, "ready", "%zu", spi_link() ? spi_->waiting() : uart_->waiting());
      std::fflush(stdout);
    }
    return 0;
  }

  int terminal() {
    PseudoTerminal terminal;
    if (terminal.name.empty()) {
      std::fprintf(stderr, "bench: no pseudo-terminal can be opened\n");
      return 2;
    }
    log_.event(now_, "pty", "%s", terminal.name.c_str());
    std::fflush(stdout);
    if (!std::freopen("/dev/null", "w", stdout)) return 2;  // who reads further events?
    for (;;) {
      pollfd input{0, POLLIN, 0};
      if (poll(&input, 1, 0) > 0 && std::cin.peek() == EOF) return 0;
      const std::vector<uint8_t> bytes = terminal.receive();
      spi_link() ? spi_->send(bytes) : uart_->send(bytes);
      run(now_ + 200 * US, 0, 0);
      terminal.send(spi_link() ? spi_->arrived : uart_->arrived);
    }
  }

 private:
  std::string take(const char *name, const char *otherwise) {
    const auto found = arguments_.find(name);
    if (found == arguments_.end()) return otherwise;
    const std::string value = found->second;
    arguments_.erase(found);
    return value;
  }
  bool spi_link() const { return has_spi_sck(chip_, 0); }
  bool own_xclk() const { return !has_cam_xclk(chip_, 0); }

  void run(Time until, uint64_t bytes, uint64_t wakes) {
    if (!spi_link()) uart_->wake(now_);
    const uint64_t &received = spi_link() ? spi_->received : uart_->received;
    const uint64_t bytes_end = bytes ? received + bytes : NEVER, wakes_end = wakes ? wakes_ + wakes : NEVER;
    while (received < bytes_end && wakes_ < wakes_end) {
      const Time edge = Time(std::llround(double(half_cycles_ + 1) * half_ps_)), device = next_device();
      const Time core = has_core_clk(chip_, 0) ? Time(std::llround(double(core_half_cycles_ + 1) * core_half_ps_)) : NEVER;
      if (std::min(std::min(edge, core), device) > until) {
        now_ = until;
        return;
      }
      if (core < std::min(edge, device)) {
        now_ = core;
        core_half_cycles_++;
        set_core_clk(chip_, core_half_cycles_ & 1, 0);
        chip_.eval();
      } else if (device < edge) {
        now_ = device;
        devices();
        // All but an SPI device's registers have one clock: they take the inputs at its next edge.
        if (inputs() && spi_link()) chip_.eval();
      } else {
        now_ = edge;
        half_cycles_++;
        set_clk(chip_, half_cycles_ & 1, 0);
        chip_.eval();
        if (half_cycles_ & 1 || spi_link()) outputs();
      }
    }
  }

  Time next_device() const {
    Time next = std::min(flash_->next(), spi_link() ? spi_->next() : uart_->next());
    if (camera_) next = std::min(next, std::min(camera_->next(), camera_->next_pixel()));
    return next;
  }
  void devices() {
    flash_->advance(now_);
    if (spi_link()) spi_->advance(now_, get_spi_miso(chip_, 0));
    else uart_->advance(now_);
    if (camera_) {
      if (now_ >= camera_->next_pixel()) camera_->advance(now_);
      if (now_ >= camera_->next()) camera_->step(now_, scl_low_, sda_low_);
    }
  }
  // The chip's inputs from the devices; whether one changed.
  bool inputs() {
    uint32_t level = flash_->miso | uint32_t(uart_->line) << 1 | uint32_t(spi_->ss_n) << 2 | uint32_t(spi_->sck) << 3 | uint32_t(spi_->mosi) << 4;
    if (camera_) {
      const CameraPins &pins = camera_->pins;
      level |= uint32_t(pins.pclk) << 5 | uint32_t(pins.vsync) << 6 | uint32_t(pins.href) << 7 | uint32_t(camera_->scl()) << 8 |
               uint32_t(camera_->sda()) << 9 | uint32_t(pins.data) << 16;
    } else {
      level |= 3u << 8;
    }
    if (level == inputs_) return false;
    inputs_ = level;
    set_flash_miso(chip_, level & 1, 0);
    set_uart_rx(chip_, level >> 1 & 1, 0);
    set_spi_ss_n(chip_, level >> 2 & 1, 0);
    set_spi_sck(chip_, level >> 3 & 1, 0);
    set_spi_mosi(chip_, level >> 4 & 1, 0);
    set_cam_pclk(chip_, level >> 5 & 1, 0);
    set_cam_vsync(chip_, level >> 6 & 1, 0);
    set_cam_href(chip_, level >> 7 & 1, 0);
    set_cam_scl(chip_, level >> 8 & 1, 0);
    set_cam_sda(chip_, level >> 9 & 1, 0);
    set_cam_d(chip_, level >> 16, 0);
    return true;
  }
  // What the chip drives, to the devices and the log.
  void outputs() {
    const uint32_t level = get_flash_cs_n(chip_, 0) | get_flash_sck(chip_, 0) << 1 | get_flash_mosi(chip_, 0) << 2 | get_uart_tx(chip_, 0) << 3 |
                           get_wake(chip_, 0) << 4 | get_led_error(chip_, 0) << 5 | get_led_ok(chip_, 0) << 6 | get_cam_xclk(chip_, 0) << 7 |
                           (get_cam_scl__en(chip_, 0) & 1) << 8 | (get_cam_sda__en(chip_, 0) & 1) << 9 | get_cam_trig(chip_, 0) << 10 |
                           get_cam_reset_n(chip_, 0) << 11 | get_cam_pwdn(chip_, 0) << 12;
    const uint32_t changed = started_ ? level ^ outputs_ : ~0u;
    if (!changed) return;
    outputs_ = level;
    if (changed & 7) flash_->step(now_, level & 1, level >> 1 & 1, level >> 2 & 1);
    if (changed & 8) uart_->listens(now_, level >> 3 & 1);
    if (changed & 16 && level & 16) wakes_++;
    if (camera_ && changed & 128 && !own_xclk() && started_) camera_->xclk(now_, level >> 7 & 1);
    if (changed & 0x300) {
      if ((level & 0x100 && get_cam_scl__out(chip_, 0) & 1) || (level & 0x200 && get_cam_sda__out(chip_, 0) & 1))
        log_.fault(now_, "i2c: an open-drain line is driven high");
      scl_low_ = level >> 8 & 1;
      sda_low_ = level >> 9 & 1;
      if (camera_) camera_->step(now_, scl_low_, sda_low_);
    }
    static const std::pair<int, const char *> NAMED[] = {{4, "wake"},      {5, "led_error"},    {6, "led_ok"},
                                                         {10, "cam_trig"}, {11, "cam_reset_n"}, {12, "cam_pwdn"}};
    for (const auto &[bit, name] : NAMED)
      if (changed >> bit & 1) log_.event(now_, "pin", "%s %u", name, level >> bit & 1);
    started_ = true;
    if (inputs() && spi_link()) chip_.eval();
  }

  std::map<std::string, std::string> arguments_;
  Log log_;
  Random random_;
  CameraOptions options_;
  Vowl_chip chip_;
  std::unique_ptr<SpiFlash> flash_;
  std::unique_ptr<Camera> camera_;
  std::unique_ptr<UartHost> uart_;
  std::unique_ptr<SpiHost> spi_;
  double half_ps_ = 0, core_half_ps_ = 0;
  uint64_t half_cycles_ = 0, core_half_cycles_ = 0, wakes_ = 0;
  Time now_ = 0;
  uint32_t inputs_ = ~0u, outputs_ = 0;
  bool started_ = false, scl_low_ = false, sda_low_ = false, pty_ = false;

 public:
  bool pty() const { return pty_; }
};

int main(int argc, char **argv) {
  Verilated::commandArgs(argc, argv);
  std::map<std::string, std::string> arguments;
  for (int index = 1; index < argc; index++) {
    const std::string word = argv[index];
    if (word.rfind("+verilator+", 0) == 0) continue;
    const size_t equals = word.find('=');
    if (equals == std::string::npos) {
      std::fprintf(stderr, "bench: expected KEY=VALUE, got %s\n", word.c_str());
      return 2;
    }
    arguments[word.substr(0, equals)] = word.substr(equals + 1);
  }
  Board board(std::move(arguments));
  return board.pty() ? board.terminal() : board.commands();
}
