/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Driver of the engine behind owlbit_wishbone.v: C99, one header, no allocation, no operating system.
 *
 * `base` is the address of the engine's registers. On a bus that is not memory-mapped, define OWLBIT_SOC_READ and OWLBIT_SOC_WRITE
 * before this header is included. docs/soc_registers.md describes the registers.
 */
#ifndef OWLBIT_SOC_H
#define OWLBIT_SOC_H

#include <stddef.h>
#include <stdint.h>

#ifndef OWLBIT_SOC_READ
#define OWLBIT_SOC_READ(base, offset) (*(volatile uint32_t *)((base) + (offset)))
#define OWLBIT_SOC_WRITE(base, offset, value) (*(volatile uint32_t *)((base) + (offset)) = (value))
#endif

/* How often a register is read before the driver gives up. Booting from flash takes 16 clock cycles per byte of the image. */
#ifndef OWLBIT_SOC_POLLS
#define OWLBIT_SOC_POLLS 10000000u
#endif

enum {
  OWLBIT_SOC_ID = 0x00,
  OWLBIT_SOC_VERSION = 0x04,
  OWLBIT_SOC_CONTROL = 0x08,
  OWLBIT_SOC_STATUS = 0x0C,
  OWLBIT_SOC_SHAPE = 0x10,
  OWLBIT_SOC_CLASSES = 0x14,
  OWLBIT_SOC_LEVELS = 0x18,
  OWLBIT_SOC_FRAMES = 0x1C,
  OWLBIT_SOC_SCORE = 0x20,
  OWLBIT_SOC_PIXELS = 0x24,
  OWLBIT_SOC_PIXELS_END = 0x28,
  OWLBIT_SOC_IMAGE = 0x100000
};

#define OWLBIT_SOC_MAGIC 0x4F574C42u
#define OWLBIT_SOC_RUN 0x001u /* CONTROL */
#define OWLBIT_SOC_IRQ_RESULT 0x100u
#define OWLBIT_SOC_IRQ_ERROR 0x200u
#define OWLBIT_SOC_BOOTED 0x01u /* STATUS */
#define OWLBIT_SOC_ERROR 0x02u
#define OWLBIT_SOC_IDLE 0x04u
#define OWLBIT_SOC_SCORE_WAITS 0x08u
#define OWLBIT_SOC_RESULT 0x10u
#define OWLBIT_SOC_SCORES_FULL 0x20u
#define OWLBIT_SOC_OVERFLOW 0x40u
#define OWLBIT_SOC_VALID 0x80000000u /* SCORE */
#define OWLBIT_SOC_LAST 0x40000000u
#define OWLBIT_SOC_BROKEN 0x20000000u

typedef enum {
  OWLBIT_SOC_OK = 0,
  OWLBIT_SOC_ABSENT,      /* no engine of this version at `base` */
  OWLBIT_SOC_TOO_LARGE,   /* the image is larger than its memory */
  OWLBIT_SOC_REFUSED,     /* the engine refused the image: it is not whole */
  OWLBIT_SOC_TIMEOUT,     /* OWLBIT_SOC_POLLS were not enough */
  OWLBIT_SOC_BROKEN_FRAME /* the frame had fewer bytes than the network takes, or `classes` is not the network's number */
} owlbit_soc_outcome;

typedef struct {
  uint16_t rows, columns, colours, classes;
} owlbit_soc_shape;

/*
 * Stops the engine, writes `image` to its memory, starts it and waits until it is ready; fills in `shape`.
 * image: what the flash holds from the network's offset on, `bytes` bytes. NULL: the engine boots from what it has, flash or ROM.
 */
static inline owlbit_soc_outcome owlbit_soc_boot(uintptr_t base, const uint8_t *image, uint32_t bytes, owlbit_soc_shape *shape) {
  uint32_t left = OWLBIT_SOC_POLLS;
  uint32_t version = OWLBIT_SOC_READ(base, OWLBIT_SOC_VERSION);
  if (OWLBIT_SOC_READ(base, OWLBIT_SOC_ID) != OWLBIT_SOC_MAGIC || (version & 0xFFu) != 1u) return OWLBIT_SOC_ABSENT;
  OWLBIT_SOC_WRITE(base, OWLBIT_SOC_CONTROL, 0u);
  if (image != NULL) {
    uint32_t bits = version >> 24 & 31u, at;
    if (bits == 0u || bytes > UINT32_C(4) << bits) return OWLBIT_SOC_TOO_LARGE;
    for (at = 0; at < bytes; at += 4u) {
      uint32_t word = 0, lane;
      for (lane = 0; lane < 4u && at + lane < bytes; lane++) word |= (uint32_t)image[at + lane] << (8u * lane);
      OWLBIT_SOC_WRITE(base, OWLBIT_SOC_IMAGE + at, word);
    }
  }
  OWLBIT_SOC_WRITE(base, OWLBIT_SOC_CONTROL, OWLBIT_SOC_RUN);
  for (;;) {
    uint32_t status = OWLBIT_SOC_READ(base, OWLBIT_SOC_STATUS);
    if ((status & OWLBIT_SOC_ERROR) != 0u) return OWLBIT_SOC_REFUSED;
    if ((status & OWLBIT_SOC_BOOTED) != 0u) break;
    if (left-- == 0u) return OWLBIT_SOC_TIMEOUT;
  }
  {
    uint32_t size = OWLBIT_SOC_READ(base, OWLBIT_SOC_SHAPE), rest = OWLBIT_SOC_READ(base, OWLBIT_SOC_CLASSES);
    shape->rows = (uint16_t)(size >> 16);
    shape->columns = (uint16_t)(size & 0xFFFFu);
    shape->colours = (uint16_t)(rest >> 16);
    shape->classes = (uint16_t)(rest & 0xFFFFu);
  }
  return OWLBIT_SOC_OK;
}

/*
 * Sends a frame of `bytes` bytes, order row, column, colour. It may be called while an earlier frame is at work. The engine takes no
 * pixels while no score is read and the score FIFO is full: then this ends with OWLBIT_SOC_TIMEOUT.
 */
static inline owlbit_soc_outcome owlbit_soc_send(uintptr_t base, const uint8_t *frame, uint32_t bytes) {
  uint32_t at, free_words = 0, left = OWLBIT_SOC_POLLS;
  for (at = 0; at < bytes; at += 4u) {
    uint32_t word = 0, lane;
    while (free_words == 0u) {
      free_words = OWLBIT_SOC_READ(base, OWLBIT_SOC_LEVELS) & 0xFFFFu;
      if (free_words == 0u && left-- == 0u) return OWLBIT_SOC_TIMEOUT;
    }
    for (lane = 0; lane < 4u && at + lane < bytes; lane++) word |= (uint32_t)frame[at + lane] << (8u * lane);
    /* What the last word has beyond the frame's end is dropped by the engine. */
    OWLBIT_SOC_WRITE(base, bytes - at > 4u ? OWLBIT_SOC_PIXELS : OWLBIT_SOC_PIXELS_END, word);
    free_words--;
  }
  return OWLBIT_SOC_OK;
}

/* Waits for a frame's scores: `scores` has room for `classes`, which the shape says. */
static inline owlbit_soc_outcome owlbit_soc_scores(uintptr_t base, int16_t *scores, uint16_t classes) {
  uint32_t left = OWLBIT_SOC_POLLS, value = 0;
  uint16_t index;
  for (index = 0; index < classes; index++) {
    do {
      value = OWLBIT_SOC_READ(base, OWLBIT_SOC_SCORE);
      if ((value & OWLBIT_SOC_VALID) == 0u && left-- == 0u) return OWLBIT_SOC_TIMEOUT;
    } while ((value & OWLBIT_SOC_VALID) == 0u);
    scores[index] = (int16_t)((int32_t)(value & 0x7FFFu) - (int32_t)(value & 0x8000u));
    if (((value & OWLBIT_SOC_LAST) != 0u) != (index + 1u == classes)) return OWLBIT_SOC_BROKEN_FRAME;
  }
  return (value & OWLBIT_SOC_BROKEN) != 0u ? OWLBIT_SOC_BROKEN_FRAME : OWLBIT_SOC_OK;
}

#endif
