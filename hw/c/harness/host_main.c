/*
 * Runs a network on the images of the standard input, one after the other, and writes for each the scores, what ranks where the
 * network has factors, and the class: int32_t, float and uint32_t of this machine. With the argument "rows" the images go in row by
 * row, the last row first. With a number it runs the first image so often and writes the nanoseconds of the fastest run as text.
 */
#define _POSIX_C_SOURCE 199309L
#include HARNESS_HEADER

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define JOIN_NAMES(a, b) a##b
#define JOIN(a, b) JOIN_NAMES(a, b)
#define FUNCTION(suffix) JOIN(HARNESS_NAME, suffix)
#define SIZE(suffix) JOIN(HARNESS_SIZES, suffix)

static uint8_t image[SIZE(_CHANNELS) * SIZE(_HEIGHT) * SIZE(_WIDTH)];
static uint8_t row[SIZE(_WIDTH) * SIZE(_CHANNELS)];
static int32_t scores[SIZE(_CLASSES)];

/* Row y as a camera gives it: colour after colour of each pixel. */
static void take_row(uint32_t y)
{
  uint32_t x;
  uint32_t colour;
  for (x = 0u; x < SIZE(_WIDTH); ++x) {
    for (colour = 0u; colour < SIZE(_CHANNELS); ++colour) {
      row[x * SIZE(_CHANNELS) + colour] = image[(colour * SIZE(_HEIGHT) + y) * SIZE(_WIDTH) + x];
    }
  }
}

/* The arena is left full of ones, in which nothing may depend on what it held before. */
static void run_by_rows(uint32_t *arena)
{
  uint32_t y;
  memset(arena, 0xff, SIZE(_ARENA_BYTES));
  for (y = SIZE(_HEIGHT); y > 0u; --y) {
    take_row(y - 1u);
    FUNCTION(_put_row)(arena, y - 1u, row);
  }
  FUNCTION(_finish)(arena, scores);
}

static int write_results(void)
{
  const uint32_t best = FUNCTION(_best)(scores);
  size_t written = fwrite(scores, sizeof(scores[0]), SIZE(_CLASSES), stdout);
#ifdef HARNESS_RANKS
  static float ranked[SIZE(_CLASSES)];
  FUNCTION(_rank)(scores, ranked);
  written += fwrite(ranked, sizeof(ranked[0]), SIZE(_CLASSES), stdout) - SIZE(_CLASSES);
#endif
  return written == SIZE(_CLASSES) && fwrite(&best, sizeof(best), 1u, stdout) == 1u;
}

/* The fastest run counts: others may have been interrupted. */
static void measure(long runs)
{
  double best = 1e18;
  long i;
  for (i = 0; i < runs; ++i) {
    struct timespec start;
    struct timespec end;
    double nanoseconds;
    clock_gettime(CLOCK_MONOTONIC, &start);
    FUNCTION(_run)(image, scores);
    clock_gettime(CLOCK_MONOTONIC, &end);
    nanoseconds = (double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec);
    best = (nanoseconds < best) ? nanoseconds : best;
  }
  printf("%.1f\n", best);
}

int main(int count, char **words)
{
  /* Exactly as large as it must be, so that a sanitizer sees what is behind it. */
  uint32_t *arena = malloc(SIZE(_ARENA_BYTES));
  if (arena == NULL) {
    return 1;
  }
  while (fread(image, 1u, sizeof(image), stdin) == sizeof(image)) {
    if (count > 1 && strcmp(words[1], "rows") == 0) {
      run_by_rows(arena);
    } else if (count > 1) {
      measure(strtol(words[1], NULL, 10));
      break;
    } else {
      FUNCTION(_run_in)(arena, image, scores);
    }
    if (count <= 2 && (count == 1 || strcmp(words[1], "rows") == 0) && !write_results()) {
      return 1;
    }
  }
  free(arena);
  return 0;
}
