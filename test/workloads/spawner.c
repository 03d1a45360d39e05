// Starts a program all the time, as posix_spawn, Python's subprocess and Go's os/exec do: half of the time it waits in vfork, until
// the other has let go of its memory. One step each time: "step N SECONDS.MILLISECONDS".
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int main(void) {
  for (long step = 1;; step++) {
    pid_t child = vfork();
    if (child == 0) {
      usleep(5000);
      _exit(0);
    }
    waitpid(child, NULL, 0);
    usleep(5000);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    printf("step %ld %ld.%03ld\n", step, now.tv_sec, now.tv_nsec / 1000000);
    fflush(stdout);
  }
}
