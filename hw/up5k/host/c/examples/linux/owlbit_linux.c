// SPDX-License-Identifier: Apache-2.0
/*
 * owlbit_host on Linux: cc -std=c99 -I../.. owlbit_linux.c ../../owlbit_host.c -o owlbit_linux
 *
 *   owlbit_linux PORT status          how the chip is, and what it runs
 *   owlbit_linux PORT selftest        runs its self-test
 *   owlbit_linux PORT listen N        N results as they come
 *   owlbit_linux PORT push FILE       the scores of a frame: raw bytes in the order row, column, colour
 *   owlbit_linux PORT wake K N M H    another wake policy: K of N frames, margin M, hold-off H frames
 */
#define _DEFAULT_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "owlbit_host.h"

enum { MOST_FRAME = 256 * 256 * 3 };

typedef struct {
  int port;
  uint8_t bytes[512];
  size_t count, at;
  unsigned long wanted, results;
} serial;

static uint32_t milliseconds(void *context) {
  struct timespec now;
  (void)context;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint32_t)((uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u);
}

/* The next byte; waits a little where none is there, so that the program does not spin. */
static int read_byte(void *context) {
  serial *link = context;
  if (link->at == link->count) {
    struct pollfd ready = {link->port, POLLIN, 0};
    if (poll(&ready, 1, 5) <= 0) return -1;
    ssize_t got = read(link->port, link->bytes, sizeof link->bytes);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
      fprintf(stderr, "the board is gone; was its cable pulled?\n");
      exit(2);
    }
    if (got < 0) return -1;
    link->at = 0;
    link->count = (size_t)got;
  }
  return link->bytes[link->at++];
}

static int write_bytes(void *context, const uint8_t *data, size_t count) {
  serial *link = context;
  while (count != 0) {
    ssize_t sent = write(link->port, data, count);
    if (sent < 0 && errno != EINTR && errno != EAGAIN) return -1;
    if (sent > 0) {
      data += sent;
      count -= (size_t)sent;
    }
  }
  return 0;
}

static void print_result(const owlbit_result *result) {
  printf("{\"frame\": %u, \"class\": %u, \"margin\": %lu, \"wake\": %s, \"scores\": [", (unsigned)result->frame,
         (unsigned)result->decision, (unsigned long)result->margin, result->wakes ? "true" : "false");
  for (uint16_t index = 0; index < result->classes; index++)
    printf("%s%d", index == 0 ? "" : ", ", owlbit_score(result, index));
  printf("]}\n");
  fflush(stdout);
}

static void on_result(void *context, const owlbit_result *result) {
  serial *link = context;
  if (link->results == link->wanted) return;
  link->results++;
  print_result(result);
}

static void on_error(void *context, uint8_t error) {
  (void)context;
  fprintf(stderr, "the chip reports error %u\n", (unsigned)error);
}

static int open_port(const char *name) {
  int port = open(name, O_RDWR | O_NOCTTY | O_NONBLOCK);
  struct termios settings;
  if (port < 0 || tcgetattr(port, &settings) != 0) {
    fprintf(stderr, "%s: no serial port: %s\n", name, strerror(errno));
    exit(2);
  }
  cfmakeraw(&settings);
  cfsetispeed(&settings, B115200);
  cfsetospeed(&settings, B115200);
  settings.c_cflag |= CLOCAL | CREAD;
  if (tcsetattr(port, TCSANOW, &settings) != 0) exit(2);
  return port;
}

static int fail(const owlbit_host *host, owlbit_outcome outcome) {
  static const char *const texts[] = {"done", "no answer", "refused", "the board is gone", "an answer of a wrong length"};
  fprintf(stderr, "%s", texts[outcome]);
  if (outcome == OWLBIT_REFUSED) fprintf(stderr, " (code %u)", (unsigned)host->ack_code);
  fprintf(stderr, "\n");
  return 1;
}

static int status(owlbit_host *host) {
  owlbit_status is;
  owlbit_version version;
  owlbit_outcome outcome = owlbit_get_status(host, &is);
  if (outcome == OWLBIT_OK) outcome = owlbit_get_version(host, &version);
  if (outcome != OWLBIT_OK) return fail(host, outcome);
  printf("%s on %s: state %u, error %u, %ux%ux%u, %u classes, %lu frames, self-test %u\n", version.network, version.board,
         (unsigned)is.state, (unsigned)is.error, (unsigned)is.rows, (unsigned)is.columns, (unsigned)is.colours,
         (unsigned)is.classes, (unsigned long)is.frames, (unsigned)is.self_test);
  return is.error == 0 ? 0 : 1;
}

static int push(owlbit_host *host, const char *path) {
  static uint8_t frame[MOST_FRAME];
  owlbit_result result;
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    fprintf(stderr, "%s: %s\n", path, strerror(errno));
    return 2;
  }
  size_t count = fread(frame, 1, sizeof frame, file);
  fclose(file);
  owlbit_outcome outcome = owlbit_push(host, frame, (uint32_t)count, &result);
  if (outcome != OWLBIT_OK) return fail(host, outcome);
  print_result(&result);
  return 0;
}

static int set_wake(owlbit_host *host, char **values) {
  owlbit_wake wake;
  owlbit_outcome outcome = owlbit_get_wake(host, &wake); /* keeps the quiet classes */
  if (outcome == OWLBIT_OK) {
    wake.needed = (uint8_t)strtoul(values[0], NULL, 10);
    wake.of = (uint8_t)strtoul(values[1], NULL, 10);
    wake.margin = (uint32_t)strtoul(values[2], NULL, 10);
    wake.hold_off_frames = (uint16_t)strtoul(values[3], NULL, 10);
    outcome = owlbit_set_wake(host, &wake);
  }
  return outcome == OWLBIT_OK ? 0 : fail(host, outcome);
}

int main(int count, char **arguments) {
  static serial link;
  static owlbit_host host;
  if (count < 3) {
    fprintf(stderr, "usage: %s PORT status | selftest | listen N | push FILE | wake K N M H\n", arguments[0]);
    return 2;
  }
  const char *what = arguments[2];
  link.port = open_port(arguments[1]);
  owlbit_link functions = {read_byte, write_bytes, milliseconds, on_result, on_error, &link};
  owlbit_begin(&host, &functions);
  if (strcmp(what, "status") == 0) return status(&host);
  if (strcmp(what, "push") == 0 && count == 4) return push(&host, arguments[3]);
  if (strcmp(what, "wake") == 0 && count == 7) return set_wake(&host, arguments + 3);
  if (strcmp(what, "selftest") == 0) {
    owlbit_self_test test;
    owlbit_outcome outcome = owlbit_run_self_test(&host, &test);
    if (outcome != OWLBIT_OK) return fail(&host, outcome);
    printf("self-test %s\n", test.result == 1 ? "passed" : test.result == 2 ? "failed" : "not in the flash");
    return test.result == 2 ? 1 : 0;
  }
  if (strcmp(what, "listen") == 0 && count == 4) {
    link.wanted = strtoul(arguments[3], NULL, 10);
    while (link.results < link.wanted) owlbit_poll(&host);
    return 0;
  }
  fprintf(stderr, "expected status, selftest, listen N, push FILE or wake K N M H, got %s\n", what);
  return 2;
}
