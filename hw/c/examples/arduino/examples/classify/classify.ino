// SPDX-License-Identifier: Apache-2.0
// Frames come in over the serial line, row by row; each row becomes bits at once, so no image is stored. The class goes out.
// A dot asks for the next row, [WIDTH][CHANNELS] bytes. After the last one "= CLASS SCORE SCORE ..." is a line.
// With a camera, read its rows where Serial.readBytes stands.
#include <network.h>

static uint32_t arena[NETWORK_ARENA_WORDS];
static uint8_t row[NETWORK_WIDTH * NETWORK_CHANNELS];
static int32_t scores[NETWORK_CLASSES];

void setup() {
  Serial.begin(115200);
  Serial.setTimeout(1000);
}

// Waits for row after row; after a second of silence the frame begins anew.
static bool take_frame() {
  for (uint32_t y = 0; y < NETWORK_HEIGHT; y++) {
    Serial.write('.');
    if (Serial.readBytes(reinterpret_cast<char *>(row), sizeof row) != sizeof row) return false;
    network_put_row(arena, y, row);
  }
  return true;
}

void loop() {
  if (!take_frame()) return;
  network_finish(arena, scores);
  Serial.print("= ");
  Serial.print(network_best(scores));
  for (int32_t score : scores) {
    Serial.print(' ');
    Serial.print(score);
  }
  Serial.print('\n');
}
