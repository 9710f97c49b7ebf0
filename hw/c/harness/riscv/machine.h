/* A RISC-V in QEMU: output by semihosting; a tick is an instruction, by the counter of those that have retired. */
#include <stdint.h>

static int machine_call(uint32_t operation, const void *argument)
{
  register uint32_t a0 __asm__("a0") = operation;
  register const void *a1 __asm__("a1") = argument;
  __asm__ volatile(
    ".option push\n.option norvc\n.balign 16\nslli x0, x0, 0x1f\nebreak\nsrai x0, x0, 7\n.option pop"
    : "+r"(a0)
    : "r"(a1)
    : "memory");
  return (int)a0;
}

static void machine_start(void)
{
}

static uint64_t machine_ticks(void)
{
  uint32_t high;
  uint32_t low;
  uint32_t again;
  do {
    __asm__ volatile("csrr %0, minstreth\ncsrr %1, minstret\ncsrr %2, minstreth" : "=r"(high), "=r"(low), "=r"(again));
  } while (high != again);
  return ((uint64_t)high << 32) | low;
}

static void machine_end(void)
{
  (void)machine_call(0x18u, (const void *)0x20026u); /* SYS_EXIT, the application ended */
}

void harness_main(void);

__attribute__((naked, section(".vectors"), used)) void machine_reset(void)
{
  __asm__ volatile("la sp, stack_top\ncall harness_main\n1: j 1b");
}
