// ticker MB PERIOD-MS [FILE]: fills MB megabytes with random pages and prints `tick N SECONDS.MILLIS` each period.
// N lives in memory only. With FILE, each N is appended there too: no step may ever be missing or doubled in it.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv) {
  size_t size = (size_t)(argc > 1 ? atoi(argv[1]) : 1) << 20;
  long period = argc > 2 ? atol(argv[2]) : 10;
  int file = argc > 3 ? open(argv[3], O_WRONLY | O_CREAT | O_APPEND, 0644) : -1;
  unsigned long long *memory = malloc(size + 4096), state = 88172645463325252ULL;
  for (size_t i = 0; i < size / 8; i++) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    memory[i] = state;
  }
  for (unsigned long step = 0;; step++) {
    struct timespec now, pause = {period / 1000, period % 1000 * 1000000};
    char line[96];
    clock_gettime(CLOCK_REALTIME, &now);
    int length = snprintf(line, sizeof line, "tick %lu %ld.%03ld\n", step, (long)now.tv_sec, now.tv_nsec / 1000000);
    if (write(1, line, (size_t)length) < 0)
      return 1;
    if (file >= 0 && dprintf(file, "%lu\n", step) < 0)
      return 1;
    nanosleep(&pause, NULL);
  }
}
