/* A Cortex-M in QEMU: output by semihosting; ticks of SysTick, which counts down 24 bits at the clock of the processor. */
#include <stdint.h>

static volatile uint32_t *const systick = (volatile uint32_t *)0xe000e010u; /* control, reload, value */
static uint64_t wraps;

static int machine_call(uint32_t operation, const void *argument)
{
  register uint32_t r0 __asm__("r0") = operation;
  register const void *r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return (int)r0;
}

static void machine_start(void)
{
  systick[1] = 0xffffffu;
  systick[2] = 0u;
  systick[0] = 7u; /* the processor's clock, an interrupt when it wraps, on */
  while (systick[2] == 0u) {
    /* It takes its first value. */
  }
  wraps = 0u;
}

static uint64_t machine_ticks(void)
{
  uint64_t high;
  uint32_t value;
  do {
    high = wraps;
    value = systick[2];
  } while (high != *(volatile uint64_t *)&wraps);
  return ((high + 1u) << 24) - value;
}

static void machine_end(void)
{
  (void)machine_call(0x18u, (const void *)0x20026u); /* SYS_EXIT, the application ended */
}

void harness_main(void);
extern uint32_t stack_top[];

static void machine_reset(void)
{
  harness_main();
  for (;;) {
  }
}

static void machine_failed(void)
{
  (void)machine_call(0x18u, (const void *)0x20023u); /* SYS_EXIT, an error at run time */
  for (;;) {
  }
}

static void machine_wrapped(void)
{
  ++wraps;
}

typedef void (*machine_vector)(void);
__attribute__((section(".vectors"), used)) static const machine_vector vectors[16] = {
  (machine_vector)(uintptr_t)stack_top, machine_reset, machine_failed, machine_failed, machine_failed, machine_failed,
  machine_failed, machine_failed, machine_failed, machine_failed, machine_failed, machine_failed,
  machine_failed, machine_failed, machine_failed, machine_wrapped,
};
