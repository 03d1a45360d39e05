// web PORT [ADDRESS]: an HTTP server that keeps connections open, one thread for each. Each answer is `BORN N MS`: when the program was born
// (nanoseconds of the clock of day, in memory only), how many it has answered, and how long this one took by the program's own doing:
// `/?ms=MS` says for how long. A second program, or one that has lost its memory, shows in the first two.
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static long long born;
static atomic_long answered;

static void *serve(void *context) {
  int client = (int)(intptr_t)context;
  char request[4096], answer[256], body[96];
  size_t size = 0;
  for (;;) {
    char *end = NULL;
    for (ssize_t more; !end; end = strstr(request, "\r\n\r\n")) {
      if (size == sizeof request - 1 || (more = read(client, request + size, sizeof request - 1 - size)) <= 0) {
        close(client);
        return NULL;
      }
      size += (size_t)more;
      request[size] = 0;
    }
    const char *asked = strstr(request, "?ms=");
    long ms = asked && asked < end ? atol(asked + 4) : 0;
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
    int length = snprintf(body, sizeof body, "%lld %ld %ld\n", born, atomic_fetch_add(&answered, 1) + 1, ms);
    int total = snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n\r\n%s", length, body);
    if (write(client, answer, (size_t)total) != total) {
      close(client);
      return NULL;
    }
    size -= (size_t)(end + 4 - request);
    memmove(request, end + 4, size + 1);
  }
}

int main(int argc, char **argv) {
  int one = 1, off = 0, listener = socket(AF_INET6, SOCK_STREAM, 0);
  struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons((unsigned short)(argc > 1 ? atoi(argv[1]) : 8080))};
  struct timespec now;
  if (argc > 2) {
    char mapped[64];
    snprintf(mapped, sizeof mapped, "::ffff:%s", argv[2]);
    inet_pton(AF_INET6, mapped, &address.sin6_addr);
  }
  clock_gettime(CLOCK_REALTIME, &now);
  born = now.tv_sec * 1000000000LL + now.tv_nsec;
  signal(SIGPIPE, SIG_IGN);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 128)) {
    perror("web");
    return 1;
  }
  for (;;) {
    pthread_t thread;
    pthread_attr_t small;
    int client = accept(listener, NULL, NULL);
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 65536);
    pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
    if (client >= 0 && pthread_create(&thread, &small, serve, (void *)(intptr_t)client))
      close(client);
    pthread_attr_destroy(&small);
  }
}
