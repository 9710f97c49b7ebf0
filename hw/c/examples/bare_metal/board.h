// SPDX-License-Identifier: Apache-2.0
/* What the main loop needs of a board: a serial line of bytes. board.c has it for an nRF51822, which QEMU has too (microbit). */
#ifndef BOARD_H
#define BOARD_H

#include <stdint.h>

void board_start(void);
void board_put(uint8_t byte);
uint8_t board_get(void); /* waits for a byte */

#endif
