// SPDX-License-Identifier: Apache-2.0
/*
 * An Arduino that sleeps until the board wakes it: the LED lights for a second with each wake-up.
 *
 * Copy owlbit_host.h and owlbit_host.c beside this file. Wires: the board's uart_tx to RX (pin 0), uart_rx to TX (pin 1), wake to
 * pin 2, ground to ground. The board's pins take 3.3 V: use an Arduino of 3.3 V, or a level shifter. 115200 baud.
 */
#include "owlbit_host.h"

static const uint8_t WAKE_PIN = 2;
static volatile bool woken = false;
static owlbit_host host;

static int readByte(void *) { return Serial.read(); }

static int writeBytes(void *, const uint8_t *data, size_t count) { return Serial.write(data, count) == count ? 0 : -1; }

static uint32_t milliseconds(void *) { return millis(); }

static void onResult(void *, const owlbit_result *result) {
  if (result->wakes) digitalWrite(LED_BUILTIN, HIGH);
}

static void onWake() { woken = true; }

void setup() {
  Serial.begin(115200);
  pinMode(LED_BUILTIN, OUTPUT);
  pinMode(WAKE_PIN, INPUT);
  attachInterrupt(digitalPinToInterrupt(WAKE_PIN), onWake, RISING);
  const owlbit_link link = {readByte, writeBytes, milliseconds, onResult, nullptr, nullptr};
  owlbit_begin(&host, &link);
}

void loop() {
  owlbit_poll(&host);
  if (!woken) return;
  woken = false;
  owlbit_status status;
  owlbit_get_status(&host, &status);  // any packet lowers the wake pin
  delay(1000);
  digitalWrite(LED_BUILTIN, LOW);
}
