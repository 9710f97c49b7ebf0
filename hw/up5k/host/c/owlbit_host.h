// SPDX-License-Identifier: Apache-2.0
/*
 * The host's side of the link to a board that runs owlbit: C99, no allocation, no operating system.
 *
 * The program gives three functions (owlbit_link): bytes in, bytes out, milliseconds. Then it calls owlbit_poll() often; results of
 * camera frames and errors of the chip come by two callbacks. Requests (owlbit_get_status and so on) wait for their answer and call
 * the callbacks meanwhile. One owlbit_host must not be used by two threads or an interrupt at once.
 *
 * docs/host_protocol.md describes the packets.
 */
#ifndef OWLBIT_HOST_H
#define OWLBIT_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Classes of the largest network; fewer save memory: owlbit_host takes 2 bytes for each above 52. */
#ifndef OWLBIT_MOST_CLASSES
#define OWLBIT_MOST_CLASSES 256
#endif

#define OWLBIT_VERSION_BYTES 112
#define OWLBIT_RESULT_BYTES (8 + 2 * OWLBIT_MOST_CLASSES)
#define OWLBIT_PAYLOAD (OWLBIT_RESULT_BYTES > OWLBIT_VERSION_BYTES ? OWLBIT_RESULT_BYTES : OWLBIT_VERSION_BYTES)
#define OWLBIT_MOST_SENT 70 /* bytes of the longest packet to the chip */
#define OWLBIT_BUFFER (OWLBIT_PAYLOAD + 6 + OWLBIT_MOST_SENT)

/* What a request gives back. */
typedef enum {
  OWLBIT_OK = 0,
  OWLBIT_TIMEOUT,  /* no answer, in five tries */
  OWLBIT_REFUSED,  /* owlbit_host.ack_code says why */
  OWLBIT_GONE,     /* the function that sends failed */
  OWLBIT_MALFORMED /* an answer whose length is wrong */
} owlbit_outcome;

/* Codes of the chip's answers, in owlbit_host.ack_code. */
enum {
  OWLBIT_ACK_DONE = 0,
  OWLBIT_ACK_UNKNOWN_TYPE = 1,
  OWLBIT_ACK_WRONG_LENGTH = 2,
  OWLBIT_ACK_OUT_OF_RANGE = 3,
  OWLBIT_ACK_WRONG_STATE = 4,
  OWLBIT_ACK_WRONG_OFFSET = 5
};

/* Errors of the chip. */
enum {
  OWLBIT_ERROR_NONE = 0,
  OWLBIT_ERROR_FLASH = 1,
  OWLBIT_ERROR_CAMERA_SILENT = 2,
  OWLBIT_ERROR_NO_FRAMES = 3,
  OWLBIT_ERROR_CAMERA_TOO_SMALL = 4,
  OWLBIT_ERROR_SELF_TEST = 5,
  OWLBIT_ERROR_PIXELS_LOST = 6,
  OWLBIT_ERROR_COLOUR = 7
};

/* What the chip made of a frame. `scores`: use owlbit_score(); valid until the next call. */
typedef struct {
  uint16_t frame;  /* counts from 0, wraps */
  bool wakes;      /* this frame woke the host */
  bool sure;
  bool pushed;     /* the host had sent it */
  bool held;       /* a hold-off kept it from waking */
  uint8_t decision; /* the class */
  uint32_t margin; /* of the largest ranked score over the second */
  uint16_t classes;
  const uint8_t *scores;
} owlbit_result;

typedef struct {
  uint8_t protocol, state, error, flash_format;
  uint16_t rows, columns;
  uint8_t colours, camera, square, self_test;
  uint32_t frames;
  uint16_t skipped, wakes, bad_packets, classes;
} owlbit_status;

typedef struct {
  char engine[33], network[33], board[17]; /* ended by 0 */
  uint8_t sha256[32];
} owlbit_version;

typedef struct {
  uint8_t result; /* 1 passed, 2 failed, 3 the flash holds none */
  uint8_t differs; /* first class whose score is wrong, 255 for none */
  int16_t got, expected;
} owlbit_self_test;

typedef struct {
  uint8_t needed, of; /* needed 0: never */
  uint32_t margin;
  uint16_t hold_off_frames;
  uint8_t quiet[32]; /* class c: bit 7 - c % 8 of byte c / 8 */
} owlbit_wake;

/* What the driver needs of the program. */
typedef struct {
  int (*read)(void *context);                                         /* the next byte, or -1 where none is there now */
  int (*write)(void *context, const uint8_t *data, size_t count);     /* 0, or another value where the link is gone */
  uint32_t (*milliseconds)(void *context);                            /* a clock that may wrap */
  void (*on_result)(void *context, const owlbit_result *result);      /* may be NULL */
  void (*on_error)(void *context, uint8_t error);                     /* may be NULL */
  void *context;
} owlbit_link;

typedef struct {
  owlbit_link link;
  uint8_t ack_code;    /* of the latest request that was refused */
  bool repeated;       /* a request was sent again since the latest push */
  uint32_t bad;        /* damaged packets so far */
  uint16_t count, whole; /* bytes in the buffer, and of the packet at its start that was taken */
  uint32_t last_ms;
  uint8_t buffer[OWLBIT_BUFFER];
} owlbit_host;

/* Before anything else. */
void owlbit_begin(owlbit_host *host, const owlbit_link *link);
/* Takes what has come, at most some 600 bytes, and calls the callbacks. */
void owlbit_poll(owlbit_host *host);
/* Takes a byte that came back while the link's write function was sending, on SPI. */
void owlbit_take(owlbit_host *host, uint8_t byte);
/* The score of a class of a result. */
int16_t owlbit_score(const owlbit_result *result, uint16_t index);

owlbit_outcome owlbit_get_status(owlbit_host *host, owlbit_status *status);
owlbit_outcome owlbit_get_version(owlbit_host *host, owlbit_version *version);
owlbit_outcome owlbit_run_self_test(owlbit_host *host, owlbit_self_test *test);
owlbit_outcome owlbit_get_wake(owlbit_host *host, owlbit_wake *wake);
owlbit_outcome owlbit_set_wake(owlbit_host *host, const owlbit_wake *wake);
owlbit_outcome owlbit_start(owlbit_host *host);
owlbit_outcome owlbit_stop(owlbit_host *host);
owlbit_outcome owlbit_reset(owlbit_host *host);
/* Sends a frame of `bytes` bytes, order row, column, colour, and waits for its result. */
owlbit_outcome owlbit_push(owlbit_host *host, const uint8_t *frame, uint32_t bytes, owlbit_result *result);

#ifdef __cplusplus
}
#endif
#endif
