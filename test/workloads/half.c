// Stands still in ways that keep a checkpoint from it: `half main` ends its main thread and goes on with another one; `half vfork`
// starts a child by vfork that does not come up, so that the parent waits in the kernel; `half trace PID` holds a process as a
// debugger does, in a ptrace stop.
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static void *wait_for_ever(void *unused) {
    for (;;) pause();
    return unused;
}

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    if (strcmp(argv[1], "main") == 0) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, wait_for_ever, NULL) != 0) return 1;
        pthread_exit(NULL);
    }
    if (strcmp(argv[1], "vfork") == 0) {
        if (vfork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (;;) pause();
        }
        return 0;
    }
    if (argc == 3 && strcmp(argv[1], "trace") == 0) {
        pid_t pid = atoi(argv[2]);
        if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) != 0) return 1;
        waitpid(pid, NULL, __WALL);
        for (;;) pause();
    }
    return 2;
}
