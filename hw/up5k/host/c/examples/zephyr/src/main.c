// SPDX-License-Identifier: Apache-2.0
/*
 * owlbit_host on Zephyr: prints each wake-up. The devicetree's alias `owlbit-uart` names the UART that is wired to the board; its
 * `current-speed` must be the board's, 115200.
 */
#include <zephyr/device.h>
#include <zephyr/drivers/uart.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/printk.h>
#include <zephyr/sys/ring_buffer.h>

#include "owlbit_host.h"

static const struct device *const uart = DEVICE_DT_GET(DT_ALIAS(owlbit_uart));
static owlbit_host host;

RING_BUF_DECLARE(received, 1024);

static void on_uart(const struct device *device, void *user_data) {
  ARG_UNUSED(user_data);
  uint8_t bytes[32];
  while (uart_irq_update(device) && uart_irq_rx_ready(device)) {
    int count = uart_fifo_read(device, bytes, sizeof bytes);
    if (count <= 0) {
      return;
    }
    (void)ring_buf_put(&received, bytes, (uint32_t)count);
  }
}

static int read_byte(void *context) {
  uint8_t byte;
  ARG_UNUSED(context);
  return ring_buf_get(&received, &byte, 1) == 1 ? byte : -1;
}

static int write_bytes(void *context, const uint8_t *data, size_t count) {
  ARG_UNUSED(context);
  for (size_t index = 0; index < count; index++) {
    uart_poll_out(uart, data[index]);
  }
  return 0;
}

static uint32_t milliseconds(void *context) {
  ARG_UNUSED(context);
  return k_uptime_get_32();
}

static void on_result(void *context, const owlbit_result *result) {
  ARG_UNUSED(context);
  if (result->wakes) {
    printk("frame %u: class %u, margin %u\n", result->frame, result->decision, result->margin);
  }
}

static void on_error(void *context, uint8_t error) {
  ARG_UNUSED(context);
  printk("the chip reports error %u\n", error);
}

int main(void) {
  const owlbit_link link = {read_byte, write_bytes, milliseconds, on_result, on_error, NULL};
  if (!device_is_ready(uart)) {
    printk("the UART is not ready\n");
    return 0;
  }
  (void)uart_irq_callback_set(uart, on_uart);
  uart_irq_rx_enable(uart);
  owlbit_begin(&host, &link);
  for (;;) {
    owlbit_poll(&host);
    k_msleep(1);
  }
}
