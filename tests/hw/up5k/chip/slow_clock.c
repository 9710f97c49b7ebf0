/* SPDX-License-Identifier: Apache-2.0 */
/* For a program whose other end is simulated: its clock runs at a hundredth of the speed. Linked with --wrap=clock_gettime. */
#define _DEFAULT_SOURCE
#include <stdint.h>
#include <time.h>

int __real_clock_gettime(clockid_t id, struct timespec *now);

int __wrap_clock_gettime(clockid_t id, struct timespec *now) {
  int result = __real_clock_gettime(id, now);
  uint64_t slow = ((uint64_t)now->tv_sec * 1000000000u + (uint64_t)now->tv_nsec) / 100u;
  now->tv_sec = (time_t)(slow / 1000000000u);
  now->tv_nsec = (long)(slow % 1000000000u);
  return result;
}
