// timer FILE: writes into FILE how many ticks of a timer of 50 ms it has read.
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/timerfd.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc != 2)
    return 2;
  int file = open(argv[1], O_WRONLY | O_CREAT, 0644);
  int timer = timerfd_create(CLOCK_MONOTONIC, 0);
  struct itimerspec each = {{.tv_nsec = 50000000}, {.tv_nsec = 50000000}};
  if (file < 0 || timer < 0 || timerfd_settime(timer, 0, &each, NULL))
    return 1;
  uint64_t ticks;
  for (uint64_t all = 0; read(timer, &ticks, sizeof ticks) == sizeof ticks;) {
    char line[32];
    all += ticks;
    if (pwrite(file, line, (size_t)snprintf(line, sizeof line, "%20lu\n", (unsigned long)all), 0) < 0)
      return 1;
  }
  return 1;
}
