// remapper FILE…: counts in memory and in a page of every file, which it maps anew each time, looks at, counts up and unmaps; nothing
// else of what it does touches the file. Prints `step COUNT SECONDS.MILLIS`, and `BEHIND FILE says COUNT, not COUNT` when a file is not what it was.
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static volatile uint64_t *map(const char *path, int is_new) {
  int file = open(path, O_RDWR | O_CREAT, 0600);
  int is_ready = file >= 0 && !(is_new && ftruncate(file, 4096));
  void *page = is_ready ? mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) : MAP_FAILED;
  close(file);
  return page == MAP_FAILED ? NULL : page;
}

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (uint64_t count = 0;; count++) {
    struct timespec now, pause = {.tv_nsec = 20000000};
    for (int i = 1; i < argc; i++) {
      volatile uint64_t *page = map(argv[i], !count);
      if (!page)
        return 1;
      if (*page != count)
        printf("BEHIND %s says %lu, not %lu\n", argv[i], (unsigned long)*page, (unsigned long)count);
      *page = count + 1;
      munmap((void *)page, 4096);
    }
    clock_gettime(CLOCK_REALTIME, &now);
    printf("step %lu %ld.%03ld\n", (unsigned long)count, (long)now.tv_sec, now.tv_nsec / 1000000);
    nanosleep(&pause, NULL);
  }
}
