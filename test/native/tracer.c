// tracer PID: holds a process by ptrace until it is ended itself.
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
  pid_t pid = argc == 2 ? atoi(argv[1]) : 0;
  if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) || ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) || waitpid(pid, NULL, __WALL) != pid)
    return 1;
  puts("traced");
  fflush(stdout);
  for (;;)
    pause();
}
