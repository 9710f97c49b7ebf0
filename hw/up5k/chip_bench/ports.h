// SPDX-License-Identifier: Apache-2.0
// Access to ports of a verilated top that a board may or may not have: one bench serves every board. Reading an absent port gives the
// value named with it, setting one does nothing.
#pragma once

#define PORT(name, absent)                                                                      \
  template <class Chip>                                                                         \
  auto get_##name(const Chip &chip, int) -> decltype(unsigned(chip.name)) { return chip.name; } \
  template <class Chip>                                                                         \
  unsigned get_##name(const Chip &, long) { return absent; }                                    \
  template <class Chip>                                                                         \
  auto set_##name(Chip &chip, unsigned value, int) -> decltype(void(chip.name = 0)) {           \
    chip.name = decltype(chip.name + 0)(value);                                                 \
  }                                                                                             \
  template <class Chip>                                                                         \
  void set_##name(Chip &, unsigned, long) {}                                                    \
  template <class Chip>                                                                         \
  constexpr auto has_##name(const Chip &chip, int) -> decltype(void(chip.name), true) {         \
    return true;                                                                                \
  }                                                                                             \
  template <class Chip>                                                                         \
  constexpr bool has_##name(const Chip &, long) { return false; }

PORT(clk, 0)
PORT(core_clk, 0)
PORT(flash_cs_n, 1)
PORT(flash_sck, 0)
PORT(flash_mosi, 0)
PORT(flash_miso, 1)
PORT(uart_rx, 1)
PORT(uart_tx, 1)
PORT(spi_sck, 0)
PORT(spi_ss_n, 1)
PORT(spi_mosi, 0)
PORT(spi_miso, 0)
PORT(wake, 0)
PORT(led_error, 0)
PORT(led_ok, 0)
PORT(cam_d, 0)
PORT(cam_pclk, 0)
PORT(cam_vsync, 0)
PORT(cam_href, 0)
PORT(cam_xclk, 0)
PORT(cam_trig, 0)
PORT(cam_reset_n, 1)
PORT(cam_pwdn, 0)
PORT(cam_scl, 1)
PORT(cam_sda, 1)
PORT(cam_scl__en, 0)
PORT(cam_sda__en, 0)
PORT(cam_scl__out, 1)
PORT(cam_sda__out, 1)
