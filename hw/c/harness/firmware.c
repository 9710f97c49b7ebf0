/*
 * A bare-metal program for QEMU: runs the network on the images of images.h, prints for each a line "scores" of numbers and a line
 * "ticks", then "words N ticks M" for the inner loop on N words of weights, and ends the simulation. All numbers are hexadecimal. Built with the
 * network's C file in it, so that the inner loop can be called alone.
 */
#include HARNESS_SOURCE

#include "images.h"
#include "machine.h"

#define JOIN_NAMES(a, b) a##b
#define JOIN(a, b) JOIN_NAMES(a, b)
#define FUNCTION(suffix) JOIN(HARNESS_NAME, suffix)
#define SIZE(suffix) JOIN(HARNESS_SIZES, suffix)

/* Four filters, as many as a kernel may take at once; in flash, for there may be little memory. */
#define FILTERS 4u
#define MOST_WORDS 480u
static const uint32_t rows[FILTERS * MOST_WORDS] = {1u};

static void print(const char *text)
{
  machine_call(4u, text); /* SYS_WRITE0 */
}

/* As 8 hexadecimal digits of two's complement: no division, which some processors have no instruction for. */
static void print_number(uint32_t number)
{
  static const char hexadecimal[] = "0123456789abcdef";
  char digits[9];
  uint32_t i;
  for (i = 0u; i < 8u; ++i) {
    digits[i] = hexadecimal[(number >> (28u - (4u * i))) & 15u];
  }
  digits[8] = '\0';
  print(digits);
}

/* Two numbers, the high half first. */
static void print_ticks(uint64_t ticks)
{
  print_number((uint32_t)(ticks >> 32));
  print_number((uint32_t)ticks);
  print("\n");
}

static void print_loop(uint32_t words)
{
  /* Called through a pointer that may change: not inlined, and not computed once for all. */
  static void (*volatile count)(const uint32_t *, const uint32_t *, uint32_t, uint32_t, uint32_t *) = owl_count;
  uint32_t counts[FILTERS];
  uint64_t before = machine_ticks();
  count(rows, rows, words, FILTERS, counts);
  before = machine_ticks() - before;
  print("words ");
  print_number(FILTERS * words);
  print(" ticks ");
  print_ticks(before);
}

void harness_main(void)
{
  static int32_t scores[SIZE(_CLASSES)];
  uint32_t image;
  uint32_t label;
  machine_start();
  for (image = 0u; image < IMAGES; ++image) {
    uint64_t before = machine_ticks();
    FUNCTION(_run)(images[image], scores);
    before = machine_ticks() - before;
    print("scores");
    for (label = 0u; label < SIZE(_CLASSES); ++label) {
      print(" ");
      print_number((uint32_t)scores[label]);
    }
    print("\nticks ");
    print_ticks(before);
  }
  print_loop(MOST_WORDS / 2u);
  print_loop(MOST_WORDS);
  machine_end();
}
