// SPDX-License-Identifier: Apache-2.0
/*
 * The serial line of an nRF51822 on a BBC micro:bit, 115,200 baud; registers after Nordic's nRF51 Series Reference Manual, chapter UART.
 * For another Cortex-M0 or M0+, write these three functions anew and give its memory in the Makefile.
 */
#include "board.h"

#define UART(offset) (*(volatile uint32_t *)(0x40002000u + (offset)))
#define STARTRX UART(0x000u)
#define STARTTX UART(0x008u)
#define RXDRDY UART(0x108u)
#define TXDRDY UART(0x11Cu)
#define ENABLE UART(0x500u)
#define PSELTXD UART(0x50Cu)
#define PSELRXD UART(0x514u)
#define RXD UART(0x518u)
#define TXD UART(0x51Cu)
#define BAUDRATE UART(0x524u)

void board_start(void)
{
  PSELTXD = 24u;
  PSELRXD = 25u;
  BAUDRATE = 0x01D7E000u;
  ENABLE = 4u;
  STARTTX = 1u;
  STARTRX = 1u;
}

void board_put(uint8_t byte)
{
  TXDRDY = 0u;
  TXD = byte;
  while (TXDRDY == 0u) {
  }
}

uint8_t board_get(void)
{
  while (RXDRDY == 0u) {
  }
  RXDRDY = 0u;
  return (uint8_t)RXD;
}
