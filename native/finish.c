// Carrying out what was decided about a restored container.
#include "deadline.h"
#include "freezer.h"
#include "keeper.h"
#include "tree.h"
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

enum { round_ms = 250, kill_limit_ms = 10000, runtime_patience_ms = 2000, update_limit_ms = 10000 };

static void unmount_below(const char *folder, const char *prefix) {
  char path[PATH_SIZE];
  DIR *files = opendir(folder);
  for (struct dirent *one; files && (one = readdir(files));)
    if (!strncmp(one->d_name, prefix, strlen(prefix)) && !fill(path, sizeof path, "%s/%s", folder, one->d_name))
      umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
  if (files)
    closedir(files);
}

// What a killed runc and a killed CRIU leave mounted: whoever removes those folders would walk into the container's files, and into
// the cgroups of the whole node.
static void unmount_all(const struct keeper *k) {
  char path[PATH_SIZE];
  const char *work = getenv("KUBECTL_MIGRATE_WORK");
  fill(path, sizeof path, "%s/%s", k->restore.root ? k->restore.root : "/run/runc", k->id);
  unmount_below(path, "criu-root");
  if (work)
    unmount_below(work, ".criu.cgyard.");
}

// The whole restore, half made or complete: the container's cgroup, and whoever descends from us. The runtime goes last, and when it
// does not go by itself: it has something to unmount. Zombies stay for whoever reaps after us: so the runtime's client learns of their end.
const char *finish_kill(struct keeper *k) {
  char folder[FOLDER_SIZE];
  long long limit = boot_ms() + scaled(kill_limit_ms), spared_until = boot_ms() + scaled(runtime_patience_ms);
  int code, left = 1, is_alone = decide(k->held, KILL) == GO;
  for (; left && boot_ms() < limit; usleep(left ? 2000 : 0)) {
    int is_runtime_over = k->runtime <= 0 || is_over(k->runtime, &code);
    if (is_runtime_over)
      k->runtime = 0;
    left = kill_below(getpid(), boot_ms() < spared_until ? k->runtime : 0) + !is_runtime_over;
    if (!is_alone)
      left += end_held(k->held, round_ms) != 0;
    else if (!held_folder(k->held, k->id, folder))
      left += freezer_kill(folder, round_ms) != 0;
  }
  unmount_all(k);
  return left ? "not all of it could be ended" : "";
}

static void run_update(const struct keeper *k, char *limits) {
  char *words[words_max + 1], *one;
  int count = 0;
  for (; count < k->restore.verb && count < words_max / 2; count++)
    words[count] = k->words[count];
  words[count++] = (char[]){"update"};
  while ((one = strsep(&limits, " ")) && count < words_max - 1)
    if (*one)
      words[count++] = one;
  words[count++] = (char *)k->id;
  words[count] = NULL;
  _exit(real(words));
}

// CRIU could not work within the container's limits of CPU and processes, so they are set when it is over, and through the runtime:
// what is only written to the cgroup, systemd forgets.
static const char *set_limits(const struct keeper *k) {
  static char note[64];
  char *limits = getenv("KUBECTL_MIGRATE_LIMITS");
  int code = -1;
  if (!limits || !*limits)
    return "";
  pid_t child = fork();
  if (!child)
    run_update(k, limits);
  for (long long limit = boot_ms() + scaled(update_limit_ms); child > 0 && !is_over(child, &code); usleep(2000))
    if (boot_ms() > limit)
      kill(child, SIGKILL);
  if (code)
    fill(note, sizeof note, "its limits could not be set again: exit code %d", code);
  return note;
}

const char *finish_go(struct keeper *k) {
  const char *socket = getenv("KUBECTL_MIGRATE_SOCKET"), *slash = socket ? strrchr(socket, '/') : NULL;
  int is_bad = let_go(k->held);
  // From here on the pod is an ordinary one: when its agent is gone nobody refuses its containers any more.
  if (slash)
    note_moved(slash + 1);
  const char *note = set_limits(k);
  return is_bad ? "the pod could not be thawed" : note;
}
