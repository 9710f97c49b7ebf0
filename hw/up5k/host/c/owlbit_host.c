// SPDX-License-Identifier: Apache-2.0
/* See owlbit_host.h. */
#include "owlbit_host.h"

#include <string.h>

enum {
  START_BYTE = 0xA5,
  OVERHEAD = 6,
  TRIES = 5, /* a request that meets a packet of the chip's own is lost */
  ANSWER_MS = 200,
  SELF_TEST_MS = 2000,
  FRAME_MS = 5000, /* from a frame's last byte to its result */
  DRAIN_MS = 100,  /* in which what a repeated request brought twice has come */
  SILENCE_MS = 50,
  PUSH_BYTES = 60,
  POLL_BYTES = 600
};

enum { RESULT = 0x01, STATUS = 0x02, VERSION = 0x03, SELF_TEST = 0x04, ACK = 0x05, ERROR = 0x06, WAKE = 0x07 };
enum {
  GET_STATUS = 0x81, GET_VERSION = 0x82, RUN_SELF_TEST = 0x83, PUSH = 0x84, START = 0x85, STOP = 0x86,
  SET_WAKE = 0x87, GET_WAKE = 0x88, RESET = 0x89
};

static uint16_t get16(const uint8_t *at) { return (uint16_t)(at[0] | (uint16_t)(at[1] << 8)); }

static uint32_t get32(const uint8_t *at) { return get16(at) | (uint32_t)get16(at + 2) << 16; }

static int16_t signed16(uint16_t value) {
  return value < 0x8000u ? (int16_t)value : (int16_t)((int32_t)value - 0x10000);
}

static void put16(uint8_t *at, uint16_t value) {
  at[0] = (uint8_t)(value & 0xFFu);
  at[1] = (uint8_t)(value >> 8);
}

static void put32(uint8_t *at, uint32_t value) {
  put16(at, (uint16_t)(value & 0xFFFFu));
  put16(at + 2, (uint16_t)(value >> 16));
}

/* CRC-16/IBM-3740: polynomial 0x1021, start 0xFFFF, highest bit first. */
static uint16_t crc16(const uint8_t *data, uint16_t count) {
  uint16_t value = 0xFFFFu;
  for (uint16_t index = 0; index < count; index++) {
    value = (uint16_t)(value ^ (uint16_t)(data[index] << 8));
    for (int bit = 0; bit < 8; bit++)
      value = (uint16_t)((value & 0x8000u) != 0 ? (uint16_t)(value << 1) ^ 0x1021u : (uint16_t)(value << 1));
  }
  return value;
}

static void drop(owlbit_host *host, uint16_t count) {
  host->count = (uint16_t)(host->count - count);
  memmove(host->buffer, host->buffer + count, host->count);
}

void owlbit_begin(owlbit_host *host, const owlbit_link *link) {
  memset(host, 0, sizeof *host);
  host->link = *link;
  host->last_ms = link->milliseconds(link->context);
}

void owlbit_take(owlbit_host *host, uint8_t byte) {
  if (host->count == OWLBIT_BUFFER) { /* nobody polled: what is oldest goes */
    host->bad++;
    host->whole = 0;
    drop(host, 1);
  }
  host->buffer[host->count++] = byte;
  host->last_ms = host->link.milliseconds(host->link.context);
}

/* Whether a whole packet stands at the start of the buffer; damaged ones and other bytes before it go. */
static bool find_packet(owlbit_host *host) {
  if (host->whole != 0) {
    drop(host, host->whole);
    host->whole = 0;
  }
  for (;;) {
    uint16_t start = 0;
    while (start < host->count && host->buffer[start] != START_BYTE) start++;
    if (start != 0) drop(host, start);
    if (host->count < 4) return false;
    uint16_t length = get16(host->buffer + 2);
    if (length <= OWLBIT_PAYLOAD) {
      uint16_t body = (uint16_t)(length + 3u);
      if (host->count < body + 3u) return false;
      if (crc16(host->buffer + 1, body) == get16(host->buffer + 1 + body)) {
        host->whole = (uint16_t)(length + OVERHEAD);
        return true;
      }
    }
    host->bad++;
    drop(host, 1); /* a start byte that was none: the next one may be inside */
  }
}

/* The type of the next packet, which then stands in the buffer until the next call; 0 where none is there. */
static uint8_t next_packet(owlbit_host *host) {
  for (int index = 0; index < POLL_BYTES; index++) {
    if (find_packet(host)) return host->buffer[1];
    int byte = host->link.read(host->link.context);
    if (byte < 0) break;
    owlbit_take(host, (uint8_t)byte);
  }
  while (host->count != 0 && host->link.milliseconds(host->link.context) - host->last_ms > SILENCE_MS) {
    host->bad++; /* begun, and never finished */
    drop(host, 1);
    if (find_packet(host)) return host->buffer[1];
  }
  return 0;
}

static const uint8_t *payload(const owlbit_host *host) { return host->buffer + 4; }

static uint16_t payload_length(const owlbit_host *host) { return get16(host->buffer + 2); }

static bool read_result(const owlbit_host *host, owlbit_result *result) {
  const uint8_t *at = payload(host);
  uint16_t length = payload_length(host);
  if (length < 10 || length % 2 != 0) return false;
  result->frame = get16(at);
  result->wakes = (at[2] & 1u) != 0;
  result->sure = (at[2] & 2u) != 0;
  result->pushed = (at[2] & 4u) != 0;
  result->held = (at[2] & 8u) != 0;
  result->decision = at[3];
  result->margin = get32(at + 4);
  result->classes = (uint16_t)((length - 8u) / 2u);
  result->scores = at + 8;
  return true;
}

int16_t owlbit_score(const owlbit_result *result, uint16_t index) {
  return signed16(get16(result->scores + 2u * (size_t)index));
}

/* Calls the callbacks for what came unasked; whether it did. */
static bool told(owlbit_host *host, uint8_t type) {
  owlbit_result result;
  if (type == RESULT && read_result(host, &result) && !result.pushed) {
    if (host->link.on_result != NULL) host->link.on_result(host->link.context, &result);
    return true;
  }
  if (type == ERROR && payload_length(host) == 1) {
    if (host->link.on_error != NULL) host->link.on_error(host->link.context, payload(host)[0]);
    return true;
  }
  return false;
}

void owlbit_poll(owlbit_host *host) {
  uint8_t type;
  for (int packets = 0; packets < 16 && (type = next_packet(host)) != 0; packets++) (void)told(host, type);
}

static bool send_packet(owlbit_host *host, uint8_t type, const uint8_t *data, uint8_t count) {
  uint8_t bytes[OWLBIT_MOST_SENT];
  bytes[0] = START_BYTE;
  bytes[1] = type;
  put16(bytes + 2, count);
  if (count != 0) memcpy(bytes + 4, data, count);
  put16(bytes + 4 + count, crc16(bytes + 1, (uint16_t)(count + 3u)));
  return host->link.write(host->link.context, bytes, (size_t)count + OVERHEAD) == 0;
}

/* Sends a request until its answer of type `wanted` stands in the buffer. */
static owlbit_outcome ask(owlbit_host *host, uint8_t type, const uint8_t *data, uint8_t count, uint8_t wanted,
                          uint16_t length, uint32_t wait_ms) {
  for (int attempt = 0; attempt < TRIES; attempt++) {
    host->repeated = host->repeated || attempt != 0;
    if (!send_packet(host, type, data, count)) return OWLBIT_GONE;
    uint32_t started = host->link.milliseconds(host->link.context);
    do {
      uint8_t came = next_packet(host);
      if (came == 0 || told(host, came)) continue;
      if (came == ACK && payload_length(host) == 2 && payload(host)[0] == type) {
        host->ack_code = payload(host)[1];
        /* A piece of a frame that is sent again though it had arrived has an offset that is no longer expected. */
        if (attempt != 0 && type == PUSH && host->ack_code == OWLBIT_ACK_WRONG_OFFSET) host->ack_code = OWLBIT_ACK_DONE;
        if (host->ack_code != OWLBIT_ACK_DONE) return OWLBIT_REFUSED;
        if (wanted == ACK) return OWLBIT_OK;
      } else if (came == wanted && wanted != ACK) {
        return payload_length(host) == length ? OWLBIT_OK : OWLBIT_MALFORMED;
      }
    } while (host->link.milliseconds(host->link.context) - started < wait_ms);
  }
  return OWLBIT_TIMEOUT;
}

static owlbit_outcome command(owlbit_host *host, uint8_t type, const uint8_t *data, uint8_t count) {
  return ask(host, type, data, count, ACK, 2, ANSWER_MS);
}

owlbit_outcome owlbit_get_status(owlbit_host *host, owlbit_status *status) {
  owlbit_outcome outcome = ask(host, GET_STATUS, NULL, 0, STATUS, 24, ANSWER_MS);
  if (outcome != OWLBIT_OK) return outcome;
  const uint8_t *at = payload(host);
  status->protocol = at[0];
  status->state = at[1];
  status->error = at[2];
  status->flash_format = at[3];
  status->rows = get16(at + 4);
  status->columns = get16(at + 6);
  status->colours = at[8];
  status->camera = at[9];
  status->square = at[10];
  status->self_test = at[11];
  status->frames = get32(at + 12);
  status->skipped = get16(at + 16);
  status->wakes = get16(at + 18);
  status->bad_packets = get16(at + 20);
  status->classes = get16(at + 22);
  return OWLBIT_OK;
}

owlbit_outcome owlbit_get_version(owlbit_host *host, owlbit_version *version) {
  owlbit_outcome outcome = ask(host, GET_VERSION, NULL, 0, VERSION, OWLBIT_VERSION_BYTES, ANSWER_MS);
  if (outcome != OWLBIT_OK) return outcome;
  const uint8_t *at = payload(host);
  memset(version, 0, sizeof *version);
  memcpy(version->engine, at, 32);
  memcpy(version->network, at + 32, 32);
  memcpy(version->sha256, at + 64, 32);
  memcpy(version->board, at + 96, 16);
  return OWLBIT_OK;
}

owlbit_outcome owlbit_run_self_test(owlbit_host *host, owlbit_self_test *test) {
  owlbit_outcome outcome = ask(host, RUN_SELF_TEST, NULL, 0, SELF_TEST, 6, SELF_TEST_MS);
  if (outcome != OWLBIT_OK) return outcome;
  const uint8_t *at = payload(host);
  test->result = at[0];
  test->differs = at[1];
  test->got = signed16(get16(at + 2));
  test->expected = signed16(get16(at + 4));
  return OWLBIT_OK;
}

owlbit_outcome owlbit_get_wake(owlbit_host *host, owlbit_wake *wake) {
  owlbit_outcome outcome = ask(host, GET_WAKE, NULL, 0, WAKE, 40, ANSWER_MS);
  if (outcome != OWLBIT_OK) return outcome;
  const uint8_t *at = payload(host);
  wake->needed = at[0];
  wake->of = at[1];
  wake->margin = get32(at + 2);
  wake->hold_off_frames = get16(at + 6);
  memcpy(wake->quiet, at + 8, sizeof wake->quiet);
  return OWLBIT_OK;
}

owlbit_outcome owlbit_set_wake(owlbit_host *host, const owlbit_wake *wake) {
  uint8_t data[40];
  data[0] = wake->needed;
  data[1] = wake->of;
  put32(data + 2, wake->margin);
  put16(data + 6, wake->hold_off_frames);
  memcpy(data + 8, wake->quiet, sizeof wake->quiet);
  return command(host, SET_WAKE, data, sizeof data);
}

owlbit_outcome owlbit_start(owlbit_host *host) { return command(host, START, NULL, 0); }

owlbit_outcome owlbit_stop(owlbit_host *host) { return command(host, STOP, NULL, 0); }

owlbit_outcome owlbit_reset(owlbit_host *host) { return command(host, RESET, NULL, 0); }

owlbit_outcome owlbit_push(owlbit_host *host, const uint8_t *frame, uint32_t bytes, owlbit_result *result) {
  uint32_t started = host->link.milliseconds(host->link.context);
  /* A frame of one packet that was sent twice gives two results: the second must not be taken for this frame's. */
  while (host->repeated && host->link.milliseconds(host->link.context) - started < DRAIN_MS) owlbit_poll(host);
  host->repeated = false;
  for (uint32_t offset = 0; offset < bytes; offset += PUSH_BYTES) {
    uint8_t data[4 + PUSH_BYTES];
    uint32_t left = bytes - offset;
    uint8_t count = (uint8_t)(left < PUSH_BYTES ? left : PUSH_BYTES);
    put32(data, offset);
    memcpy(data + 4, frame + offset, count);
    owlbit_outcome outcome = command(host, PUSH, data, (uint8_t)(count + 4u));
    if (outcome != OWLBIT_OK) return outcome;
  }
  started = host->link.milliseconds(host->link.context);
  do {
    uint8_t came = next_packet(host);
    if (came == 0 || told(host, came)) continue;
    if (came == RESULT && read_result(host, result)) return OWLBIT_OK;
  } while (host->link.milliseconds(host->link.context) - started < FRAME_MS);
  return OWLBIT_TIMEOUT;
}
