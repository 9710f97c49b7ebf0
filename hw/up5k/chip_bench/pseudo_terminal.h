// SPDX-License-Identifier: Apache-2.0
// A pseudo-terminal whose bytes go to and from the simulated link, so that a host program can talk to the chip as to a serial port.
#pragma once
#include <fcntl.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

class PseudoTerminal {
 public:
  // Empty `name` where none could be opened.
  PseudoTerminal() : master_(posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK)) {
    if (master_ < 0 || grantpt(master_) || unlockpt(master_)) return;
    const char *other = ptsname(master_);
    if (!other) return;
    slave_ = open(other, O_RDWR | O_NOCTTY);  // kept open: a host may come and go
    termios raw{};
    if (slave_ < 0 || tcgetattr(slave_, &raw)) return;
    cfmakeraw(&raw);
    if (tcsetattr(slave_, TCSANOW, &raw)) return;
    name = other;
  }
  ~PseudoTerminal() {
    if (slave_ >= 0) close(slave_);
    if (master_ >= 0) close(master_);
  }
  std::vector<uint8_t> receive() {
    uint8_t bytes[256];
    const ssize_t count = read(master_, bytes, sizeof bytes);
    return std::vector<uint8_t>(bytes, bytes + (count > 0 ? count : 0));
  }
  void send(std::deque<uint8_t> &bytes) {
    while (!bytes.empty() && write(master_, &bytes.front(), 1) == 1) bytes.pop_front();
    while (bytes.size() > 65536) bytes.pop_front();  // nobody reads
  }
  std::string name;

 private:
  int master_, slave_ = -1;
};
