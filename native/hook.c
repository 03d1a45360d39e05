// CRIU's action script in a restore: CRIU goes on when it ends with 0. It takes CRIU out of the container's cgroup at the first
// barrier and freezes that at the second one, `pre-resume`, the last place where a restore can fail: from there on the container is
// held by the kernel, and no process need live to hold it. A refusing `pre-resume` makes our CRIU end what it has restored.
//
// In a pod with one PID namespace for all containers CRIU's scripts run inside of it. Numbers that we read in /proc are the node's,
// numbers that the kernel takes from us would be the pod's: there the keeper moves others, and nobody is killed from here.
#include "deadline.h"
#include "freezer.h"
#include "held.h"
#include "wrapper.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { chain_max = 8, freeze_limit_ms = 2000, move_limit_ms = 5000 };

static const char *held, *id;

// Our number as the node has it.
static pid_t own_pid(void) {
  char text[32] = "";
  return readlink("/proc/self", text, sizeof text - 1) > 0 ? (pid_t)strtol(text, NULL, 10) : getpid();
}

static pid_t parent_of(pid_t pid) {
  char path[64], text[1024];
  fill(path, sizeof path, "/proc/%d/stat", (int)pid);
  const char *end = read_text(path, text, sizeof text) ? NULL : strrchr(text, ')');
  return end && strlen(end) > 4 ? (pid_t)strtol(end + 4, NULL, 10) : 0;
}

static int is_below(const char *one, const char *other) {
  size_t length = strlen(other);
  return length && !strncmp(one, other, length) && (!one[length] || one[length] == '/');
}

// The container's folder. runc puts CRIU into it, which is the folder to take: a container's init may live further below. crun
// leaves CRIU where the keeper is, and has only the tasks in it.
static int find_folder(pid_t init, char folder[FOLDER_SIZE]) {
  char inits[FOLDER_SIZE];
  const char *keepers = getenv("KUBECTL_MIGRATE_KEEPER");
  if (!keepers || freezer_of(own_pid(), folder, FOLDER_SIZE) || freezer_of(init, inits, sizeof inits))
    return -1;
  if (!strcmp(folder, keepers))
    strcpy(folder, inits);
  // A folder that the keeper is in, or that the container is not in, is nobody's to freeze.
  return is_below(keepers, folder) || !is_below(inits, folder) ? -1 : 0;
}

// Told as early as it is known: who ends a restore half way has to know what to end.
static int tell_folder(pid_t init) {
  char path[PATH_SIZE], folder[FOLDER_SIZE], number[32];
  if (find_folder(init, folder))
    return -1;
  fill(number, sizeof number, "%d", (int)parent_of(own_pid()));
  if (put_text(held_path(path, held, id, ".criu"), number) || put_text(held_path(path, held, id, ""), folder))
    return -1;
  *strrchr(folder, '/') = 0;
  return link_text(held_path(path, held, "pod", ""), folder) && errno != EEXIST ? -1 : 0;
}

static int move(const char *home, pid_t pid) {
  char path[PATH_SIZE], number[16] = "0";
  fill(path, sizeof path, "%s/cgroup.procs", home);
  if (pid != own_pid())
    fill(number, sizeof number, "%d", (int)pid);
  FILE *file = fopen(path, "we");
  int is_bad = !file || fputs(number, file) < 0;
  return (file && fclose(file)) || is_bad ? -1 : 0;
}

// By the keeper, who reads the file, moves and removes it.
static int have_moved(const char *home, const char *pids) {
  char path[PATH_SIZE], text[FOLDER_SIZE + 256];
  fill(text, sizeof text, "%s\n%s", home, pids);
  if (put_text(held_path(path, held, id, ".move"), text))
    return -1;
  for (long long limit = boot_ms() + scaled(move_limit_ms); !access(path, F_OK); usleep(500))
    if (boot_ms() > limit)
      return -1;
  return 0;
}

// CRIU and we go to where runc is: frozen with the container, nobody would let go of it.
static int leave(const char *folder) {
  pid_t chain[chain_max], pid = own_pid();
  char home[FOLDER_SIZE], others[256] = "";
  int count = 0, is_foreign = pid != getpid();
  for (; pid > 0 && count < chain_max && !freezer_of(pid, home, sizeof home) && is_below(home, folder); pid = parent_of(pid))
    chain[count++] = pid;
  if (!count)
    return 0;
  if (count == chain_max || pid <= 0)
    return -1;
  while (count--) {
    if (is_foreign && chain[count] != own_pid())
      fill(others + strlen(others), sizeof others - strlen(others), "%d ", (int)chain[count]);
    else if (move(home, chain[count]))
      return -1;
  }
  return *others ? have_moved(home, others) : 0;
}

static int ask(const char *action, const char *pid) {
  const char *socket = getenv("KUBECTL_MIGRATE_SOCKET"), *name = getenv("KUBECTL_MIGRATE_CONTAINER");
  // Without a limit: the keeper ends us, with all that is restored, when the agent's lease is over.
  FILE *agent = socket && name ? dial(socket, 0) : NULL;
  if (!agent)
    return -1;
  fprintf(agent, "hook\t%s\t%s\t%s\n", action, pid, name);
  const char *line = answer(agent);
  return line && !strcmp(line, "ok") ? 0 : -1;
}

// Whoever refuses here has given up the pod: its containers can only run together.
static int give_up(const char *folder) {
  decide(held, KILL);
  // Not until they are gone: it is CRIU that reaps them, when we have ended, and it hangs if they are frozen then.
  if (own_pid() == getpid())
    freezer_doom(folder, scaled(freeze_limit_ms));
  freezer_thaw(folder);
  return 1;
}

int hook(void) {
  static const char *const actions[] = {"setup-namespaces", "post-setup-namespaces", "post-restore", "pre-resume"};
  const char *action = getenv("CRTOOLS_SCRIPT_ACTION"), *pid = getenv("CRTOOLS_INIT_PID");
  char folder[FOLDER_SIZE];
  size_t step = 0;
  while (action && step < 4 && strcmp(action, actions[step]))
    step++;
  if (!action || step == 4)
    return 0;
  held = getenv("KUBECTL_MIGRATE_HELD"), id = getenv("KUBECTL_MIGRATE_ID");
  // A hook that outlives its CRIU would freeze what has just been killed.
  if (!held || !id || !pid || prctl(PR_SET_PDEATHSIG, SIGKILL))
    return 1;
  int is_known = step < 3 && !tell_folder((pid_t)strtol(pid, NULL, 10));
  if (step < 2)
    return ask(action, pid) ? 1 : 0;
  if (step == 2)
    return !is_known || held_folder(held, id, folder) || leave(folder) || ask(action, pid) ? 1 : 0;
  if (held_folder(held, id, folder))
    return 1;
  if (freezer_stop(folder, scaled(freeze_limit_ms)) || decision_of(held) == KILL || ask(action, pid))
    return give_up(folder);
  return 0;
}
