// stepper FILE PROCESSES THREADS: every thread of every process counts in its own words of FILE, a shared mapping, so one
// instruction more shows from outside. It also checks that its registers are its own.
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define CHECK 0x5a5a5a5a5a5a5a5aUL

struct slot {
  volatile unsigned long steps, wrong;
};

static void *count(void *argument) {
  struct slot *slot = argument;
  unsigned long x = 0;
  double y = 0;
  for (;;) {
    unsigned long checked = ++x ^ CHECK;
    y += 1;
    slot->steps++;
    if ((checked ^ CHECK) != x || (unsigned long)y != x)
      slot->wrong++;
    if (x % 256 == 0) // leaves something of the processor to others
      nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
  }
  return NULL;
}

int main(int argc, char **argv) {
  if (argc != 4)
    return 2;
  int processes = atoi(argv[2]), threads = atoi(argv[3]), own = 0;
  size_t size = (size_t)processes * (size_t)threads * sizeof(struct slot);
  int file = open(argv[1], O_RDWR | O_CREAT, 0644);
  if (file < 0 || ftruncate(file, (off_t)size))
    return 1;
  struct slot *slots = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (slots == MAP_FAILED)
    return 1;
  while (own + 1 < processes && fork() == 0)
    own++;
  slots += own * threads;
  for (int i = 1; i < threads; i++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, count, &slots[i]))
      return 1;
  }
  count(slots);
}
