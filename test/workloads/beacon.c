// beacon MB PERIOD-MS ADDRESS PORT [CONTAINER [busy]]: tells each of its ticks to a collector by a datagram, which outlives pod and log:
// `POD CONTAINER PROCESS BOOT N SECONDS.MICROS`. POD is the host's name; BOOT was random when the container began and lives, with N, in
// memory only. PROCESS is `main`, which holds MB megabytes of random pages and also prints `tick N SECONDS.MILLIS` each period, or
// `child`. With `busy`, main never sleeps: a first process that takes long to die.
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct sockaddr_in collector = {.sin_family = AF_INET};
static const char *container = "main";
static char pod[256];
static unsigned long long boot;

// The socket is never connected: then it has no address of its own, which another cluster would not have.
static void tell(int to, const char *process, unsigned long number, struct timespec now) {
  char text[512];
  int length = snprintf(text, sizeof text, "%s %s %s %016llx %lu %ld.%06ld", pod, container, process, boot, number, (long)now.tv_sec,
                        now.tv_nsec / 1000);
  // A network that is not up yet refuses at once.
  for (int attempt = 0; attempt < 5 && sendto(to, text, (size_t)length, 0, (struct sockaddr *)&collector, sizeof collector) < 0; attempt++)
    usleep(1000);
}

static void rest(long period, int is_busy) {
  struct timespec now, pause = {period / 1000, period % 1000 * 1000000};
  if (!is_busy) {
    nanosleep(&pause, NULL);
    return;
  }
  clock_gettime(CLOCK_MONOTONIC, &now);
  long long end = now.tv_sec * 1000000000LL + now.tv_nsec + period * 1000000LL;
  do
    clock_gettime(CLOCK_MONOTONIC, &now);
  while (now.tv_sec * 1000000000LL + now.tv_nsec < end);
}

static int tick(const char *process, long period, int is_busy) {
  int is_main = !strcmp(process, "main"), to = socket(AF_INET, SOCK_DGRAM, 0);
  for (unsigned long number = 0;; number++) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    tell(to, process, number, now);
    if (is_main && dprintf(1, "tick %lu %ld.%03ld\n", number, (long)now.tv_sec, now.tv_nsec / 1000000) < 0)
      return 1;
    // Neither goes on without the other.
    if (is_main && waitpid(-1, NULL, WNOHANG) != 0)
      return 1;
    rest(period, is_busy);
  }
}

int main(int argc, char **argv) {
  if (argc < 5 || gethostname(pod, sizeof pod - 1) || getrandom(&boot, sizeof boot, 0) != sizeof boot)
    return 2;
  size_t words = (size_t)atoi(argv[1]) << 17;
  long period = atol(argv[2]);
  inet_pton(AF_INET, argv[3], &collector.sin_addr);
  collector.sin_port = htons((unsigned short)atoi(argv[4]));
  if (argc > 5)
    container = argv[5];
  unsigned long long *memory = malloc(words * sizeof *memory + 1), state = boot | 1;
  for (size_t i = 0; i < words; i++) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    memory[i] = state;
  }
  if (fork() == 0)
    return tick("child", period, 0);
  return tick("main", period, argc > 6);
}
