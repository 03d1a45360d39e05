// talk server PORT: echoes lines of numbers, one connection after the other, prints `accepted K` for each.
// talk client HOST PORT [each]: sends 1, 2, 3 ... and wants each back, prints `step N SECONDS.MILLIS`; on an error prints
// `lost WHAT` and connects anew. With `each`, every number takes a connection of its own.
// talk both PORT: server and client in one container, over the loopback device.
// A PORT that is a path means a Unix socket.
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static void pause_ms(long ms) {
  struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&pause, NULL);
}

// Calls with a time limit of a socket end with EINTR when the freezer stops the program in them, as by SIGSTOP and SIGCONT
// (signal(7)); a program that has such limits goes on.
static ssize_t receive(int connection, char *text, size_t length) {
  ssize_t count;
  do
    count = read(connection, text, length);
  while (count < 0 && errno == EINTR);
  return count;
}

static ssize_t transmit(int connection, const char *text, size_t length) {
  ssize_t count;
  do
    count = write(connection, text, length);
  while (count < 0 && errno == EINTR);
  return count;
}

static struct sockaddr_un unix_address(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  return address;
}

static int serve(const char *port) {
  int one = 1, is_path = *port == '/', listener = socket(is_path ? AF_UNIX : AF_INET, SOCK_STREAM, 0), accepted = 0;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port))};
  struct sockaddr_un path = unix_address(port);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  int failed = is_path ? bind(listener, (struct sockaddr *)&path, sizeof path) : bind(listener, (struct sockaddr *)&address, sizeof address);
  if (failed || listen(listener, 16)) {
    printf("lost listen: %s\n", strerror(errno));
    return 1;
  }
  for (;;) {
    char text[64];
    ssize_t length;
    int connection = accept(listener, NULL, NULL);
    printf("accepted %d\n", ++accepted);
    while ((length = receive(connection, text, sizeof text)) > 0)
      if (transmit(connection, text, (size_t)length) != length)
        break;
    close(connection);
  }
}

static int dial(const char *host, const char *port) {
  struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found = NULL;
  struct timeval patience = {10, 0};
  if (*port == '/') {
    struct sockaddr_un path = unix_address(port);
    int local = socket(AF_UNIX, SOCK_STREAM, 0);
    if (!connect(local, (struct sockaddr *)&path, sizeof path))
      return local;
    close(local);
    return -1;
  }
  if (getaddrinfo(host, port, &hints, &found))
    return -1;
  int connection = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  int refused = connect(connection, found->ai_addr, found->ai_addrlen);
  freeaddrinfo(found);
  if (!refused)
    return connection;
  close(connection);
  return -1;
}

static int ask(const char *host, const char *port, int each) {
  int connection = -1;
  for (unsigned long step = 1;;) {
    char sent[64], got[64] = "";
    struct timespec now;
    if (connection < 0 && (connection = dial(host, port)) < 0) {
      printf("lost connect: %s\n", strerror(errno));
      pause_ms(20);
      continue;
    }
    int length = snprintf(sent, sizeof sent, "%020lu\n", step);
    int failed = transmit(connection, sent, (size_t)length) != length;
    for (ssize_t at = 0, count; !failed && at < length; at += count)
      failed = (count = receive(connection, got + at, sizeof got - 1 - (size_t)at)) <= 0;
    if (failed || strcmp(sent, got)) {
      printf("lost %s: %s\n", failed ? "connection" : "answer", strerror(errno));
      close(connection);
      connection = -1;
      continue;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    printf("step %lu %ld.%03ld\n", step++, (long)now.tv_sec, now.tv_nsec / 1000000);
    if (each) {
      close(connection);
      connection = -1;
    }
    pause_ms(10);
  }
  return 0;
}

int main(int argc, char **argv) {
  signal(SIGPIPE, SIG_IGN);
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (argc == 3 && !strcmp(argv[1], "server"))
    return serve(argv[2]);
  if (argc >= 4 && !strcmp(argv[1], "client"))
    return ask(argv[2], argv[3], argc > 4);
  if (argc == 3 && !strcmp(argv[1], "both"))
    return fork() ? ask("127.0.0.1", argv[2], 0) : serve(argv[2]);
  fprintf(stderr, "usage: talk server PORT | client HOST PORT [each] | both PORT\n");
  return 2;
}
