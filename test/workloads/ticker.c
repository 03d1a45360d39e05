// ticker MB PERIOD-MS [FILE [PORT]]: fills MB megabytes with random pages and prints `tick N SECONDS.MILLIS` each period.
// N lives in memory only. With FILE (not `-`), each line is appended there too: no step may ever be missing or doubled in it.
// With PORT, whoever connects gets the last N.
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int listen_on(int port) {
  int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  return bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 64) ? -1 : listener;
}

int main(int argc, char **argv) {
  size_t size = (size_t)(argc > 1 ? atoi(argv[1]) : 1) << 20;
  long period = argc > 2 ? atol(argv[2]) : 10;
  int file = argc > 3 && strcmp(argv[3], "-") ? open(argv[3], O_WRONLY | O_CREAT | O_APPEND, 0644) : -1;
  int listener = argc > 4 ? listen_on(atoi(argv[4])) : -1;
  signal(SIGPIPE, SIG_IGN);
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
    if (file >= 0 && write(file, line, (size_t)length) < 0)
      return 1;
    for (int client; listener >= 0 && (client = accept(listener, NULL, NULL)) >= 0; close(client))
      if (write(client, line, (size_t)length) < 0)
        break;
    nanosleep(&pause, NULL);
  }
}
