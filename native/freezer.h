// Freezer cgroups of both versions, for the runtime wrapper and the source guard. A folder says by its files which version it
// is of. What is asked of a cgroup that is gone fails with ENOENT or ENODEV: see freezer_is_gone().
#ifndef FREEZER_H
#define FREEZER_H
#include <stddef.h>
#include <sys/types.h>

// Milliseconds since boot, suspended time included: what all deadlines on a node are told in.
long long boot_ms(void);

// The folder of the freezer that a process is in. 0, or -1 when it is gone or in none.
int freezer_of(pid_t pid, char *folder, size_t size);

// Asks the kernel to freeze; whether all stands still is another question. From a successful write on no task gets to user
// space any more (version 1 can stay half way after a race with a fork: then write again).
int freezer_freeze(const char *folder);

// Freezes and waits until all stands still. 0, or -1 (ETIMEDOUT after `wait_ms`).
int freezer_stop(const char *folder, int wait_ms);

int freezer_thaw(const char *folder);

// 1 when every task in it stands still, its own doing or a parent's; else 0, or -1.
int freezer_is_frozen(const char *folder);

// 1 when the folder itself asks for no freeze (a parent still may); else 0, or -1.
int freezer_is_thawed(const char *folder);

// Whether `errno` is that of a cgroup that is not there any more.
int freezer_is_gone(int error);

// Calls `visit` for every process in the folder and in those below it. Stops at the first answer that is not 0 and returns it;
// -1 when a folder cannot be read, or EPERM when it may hold processes that this PID namespace does not see.
int freezer_each(const char *folder, int (*visit)(pid_t pid, void *context), void *context);

// Processes in it and below. -1 as above; 0 also when the folder is gone.
int freezer_count(const char *folder);

// Whether a task of this process could still run an instruction after a thaw: none has ended, or has SIGKILL pending.
int is_doomed(pid_t pid);

// SIGKILL to every process of a folder, until each has it pending or has ended; none of them has run an instruction by then if
// it was frozen, and none will. Freezes version 1 first. 0, or -1 (ETIMEDOUT).
int freezer_doom(const char *folder, int wait_ms);

// Dooms, thaws (version 1 alone needs it: there a frozen process dies at the thaw, without an instruction) and waits until the
// folder is empty. 0 also when it is gone already; -1 (ETIMEDOUT).
int freezer_kill(const char *folder, int wait_ms);
#endif
