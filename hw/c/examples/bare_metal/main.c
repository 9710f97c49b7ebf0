// SPDX-License-Identifier: Apache-2.0
/*
 * The main loop of a sensor without an operating system: rows come in, each becomes bits at once, the class goes out.
 * No image is ever stored. The rows come over the board's serial line (see board.h); with a camera, read its rows in take_row.
 *
 * A dot asks for the next row, [WIDTH][CHANNELS] bytes. After the last one "= CLASS SCORE SCORE ..." is a line.
 */
#include "board.h"
#include "network.h"

static uint32_t arena[NETWORK_ARENA_WORDS];
static uint8_t row[NETWORK_WIDTH * NETWORK_CHANNELS];
static int32_t scores[NETWORK_CLASSES];

static void take_row(void)
{
  uint32_t i;
  board_put('.');
  for (i = 0u; i < sizeof row; i++) {
    row[i] = board_get();
  }
}

static void put_number(int32_t number)
{
  char digits[10];
  uint32_t left = number < 0 ? 0u - (uint32_t)number : (uint32_t)number;
  uint32_t count = 0u;
  board_put(' ');
  if (number < 0) {
    board_put('-');
  }
  do {
    digits[count++] = (char)('0' + left % 10u);
    left /= 10u;
  } while (left != 0u);
  while (count != 0u) {
    board_put((uint8_t)digits[--count]);
  }
}

int main(void)
{
  board_start();
  for (;;) {
    uint32_t y;
    uint32_t index;
    for (y = 0u; y < NETWORK_HEIGHT; y++) {
      take_row();
      network_put_row(arena, y, row);
    }
    network_finish(arena, scores);
    board_put('=');
    put_number((int32_t)network_best(scores));
    for (index = 0u; index < NETWORK_CLASSES; index++) {
      put_number(scores[index]);
    }
    board_put('\n');
  }
}
