// asker HOST PORT: connects again and again, every 10 ms, reads a line and prints `step N SECONDS.MILLIS` for each answer.
// Gives an attempt up after 200 ms.
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argc > 2 ? argv[2] : "80"))};
  struct timeval patience = {0, 200000};
  struct timespec pause = {0, 10000000};
  if (argc < 3 || inet_pton(AF_INET, argv[1], &address.sin_addr) != 1)
    return 2;
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (unsigned long step = 1;; nanosleep(&pause, NULL)) {
    char line[128];
    int connection = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (!connect(connection, (struct sockaddr *)&address, sizeof address) && read(connection, line, sizeof line) > 0) {
      struct timespec now;
      clock_gettime(CLOCK_REALTIME, &now);
      printf("step %lu %ld.%03ld\n", step++, (long)now.tv_sec, now.tv_nsec / 1000000);
    }
    close(connection);
  }
}
