// SPDX-License-Identifier: Apache-2.0
/* Reads frames from the standard input, [CHANNELS][HEIGHT][WIDTH] bytes each, and prints "= CLASS SCORE SCORE ..." for each. */
#include <stdio.h>

#include "network.h"

int main(void)
{
  static uint8_t image[NETWORK_CHANNELS * NETWORK_HEIGHT * NETWORK_WIDTH];
  static int32_t scores[NETWORK_CLASSES];
  size_t got;
  while ((got = fread(image, 1u, sizeof image, stdin)) == sizeof image) {
    uint32_t index;
    network_run(image, scores);
    printf("= %lu", (unsigned long)network_best(scores));
    for (index = 0u; index < NETWORK_CLASSES; index++) {
      printf(" %ld", (long)scores[index]);
    }
    printf("\n");
  }
  if (got != 0u) {
    fprintf(stderr, "classify: expected frames of %lu bytes, got %lu at the end\n", (unsigned long)sizeof image, (unsigned long)got);
    return 2;
  }
  return 0;
}
