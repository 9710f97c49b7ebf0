// SPDX-License-Identifier: Apache-2.0
/* From reset to main on a Cortex-M0 or M0+: the table of vectors, variables with a value copied from flash, the others zeroed. */
#include <stdint.h>

int main(void);
void reset_handler(void);
void stop_handler(void);

/* Places that link.ld names. */
extern uint32_t data_load[], data_start[], data_end[], bss_start[], bss_end[], stack_top[];

void reset_handler(void)
{
  const uint32_t *from = data_load;
  volatile uint32_t *to; /* volatile: or the compiler calls memcpy and memset, which are not there */
  for (to = data_start; to != data_end; to++) {
    *to = *from++;
  }
  for (to = bss_start; to != bss_end; to++) {
    *to = 0u;
  }
  (void)main();
  stop_handler();
}

/* A fault, or an interrupt that nothing has asked for. */
void stop_handler(void)
{
  for (;;) {
  }
}

typedef struct {
  uint32_t *stack;
  void (*handlers[15])(void);
} vectors_t;

__attribute__((section(".vectors"), used)) static const vectors_t vectors = {
    stack_top,
    {reset_handler, stop_handler, stop_handler, 0, 0, 0, 0, 0, 0, 0, stop_handler, 0, 0, stop_handler, stop_handler},
};
