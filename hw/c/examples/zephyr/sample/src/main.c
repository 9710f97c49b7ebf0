// SPDX-License-Identifier: Apache-2.0
/*
 * Frames come in over the console's serial line, row by row; each row becomes bits at once. The class goes out.
 * A dot asks for the next row, [WIDTH][CHANNELS] bytes. After the last one "= CLASS SCORE SCORE ..." is a line.
 */
#include <zephyr/device.h>
#include <zephyr/drivers/uart.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/printk.h>

#include "network.h"

static uint32_t arena[NETWORK_ARENA_WORDS];
static uint8_t row[NETWORK_WIDTH * NETWORK_CHANNELS];
static int32_t scores[NETWORK_CLASSES];

static void take_row(const struct device *line)
{
  uart_poll_out(line, '.');
  for (uint32_t i = 0; i < sizeof row; i++) {
    while (uart_poll_in(line, &row[i]) != 0) {
    }
  }
}

int main(void)
{
  const struct device *const line = DEVICE_DT_GET(DT_CHOSEN(zephyr_console));
  if (!device_is_ready(line)) {
    return 0;
  }
  for (;;) {
    for (uint32_t y = 0; y < NETWORK_HEIGHT; y++) {
      take_row(line);
      network_put_row(arena, y, row);
    }
    network_finish(arena, scores);
    printk("= %u", (unsigned int)network_best(scores));
    for (uint32_t index = 0; index < NETWORK_CLASSES; index++) {
      printk(" %d", (int)scores[index]);
    }
    printk("\n");
  }
  return 0;
}
