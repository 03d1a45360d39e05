// Whether the restored containers of a migration ever run, and carrying that out. See held.h for the files.
#include "freezer.h"
#include "held.h"
#include "wrapper.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { containers_max = 256 };

enum decision decision_of(const char *held) {
  char path[PATH_SIZE], word[16];
  if (read_text(held_path(path, held, "decision", ""), word, sizeof word))
    return UNDECIDED;
  return !strcmp(word, "go") ? GO : KILL;
}

enum decision decide(const char *held, enum decision wanted) {
  char path[PATH_SIZE];
  link_text(held_path(path, held, "decision", ""), wanted == GO ? "go" : "kill");
  return decision_of(held);
}

int is_lease_over(const char *held, int is_agent_gone) {
  char path[PATH_SIZE], text[32];
  if (read_text(held_path(path, held, "deadline", ""), text, sizeof text))
    return is_agent_gone;
  return boot_ms() > strtoll(text, NULL, 10);
}

char *held_path(char *path, const char *held, const char *id, const char *suffix) {
  fill(path, PATH_SIZE, "%s/%s%s", held, id, suffix);
  return path;
}

int held_folder(const char *held, const char *id, char *folder) {
  char path[PATH_SIZE];
  return read_text(held_path(path, held, id, ""), folder, FOLDER_SIZE) || *folder != '/' ? -1 : 0;
}

// The folders of all its containers, and how many; to be freed one by one.
static size_t folders_of(const char *held, char *folders[containers_max]) {
  char folder[FOLDER_SIZE];
  size_t count = 0;
  DIR *files = opendir(held);
  for (struct dirent *one; files && (one = readdir(files)) && count < containers_max;)
    if (!strchr(one->d_name, '.') && strcmp(one->d_name, "decision") && strcmp(one->d_name, "deadline") && strcmp(one->d_name, "pod") &&
        !held_folder(held, one->d_name, folder) && (folders[count] = strdup(folder)))
      count++;
  if (files)
    closedir(files);
  return count;
}

static int thaw_pod(const char *held) {
  char pod[FOLDER_SIZE];
  return !held_folder(held, "pod", pod) && freezer_thaw(pod) && !freezer_is_gone(errno) ? -1 : 0;
}

// Nothing is thawed, neither a container nor the pod above them, before the last process of all of them is doomed: what an agent
// that arms at this moment thaws beside us must have nothing left to run.
int end_held(const char *held, int limit_ms) {
  char *folders[containers_max];
  long long limit = boot_ms() + limit_ms;
  size_t count = folders_of(held, folders);
  int result = 0;
  for (size_t i = 0; i < count; i++)
    result |= freezer_doom(folders[i], limit_ms);
  if (!result)
    result = thaw_pod(held);
  for (size_t i = 0; i < count; i++) {
    long long left = limit - boot_ms();
    if (!result)
      result = freezer_kill(folders[i], left > 0 ? (int)left : 0);
    free(folders[i]);
  }
  return result ? -1 : 0;
}

int let_go(const char *held) {
  char *folders[containers_max];
  size_t count = folders_of(held, folders);
  int result = thaw_pod(held);
  for (size_t i = 0; i < count; i++) {
    if (freezer_thaw(folders[i]) && !freezer_is_gone(errno))
      result = -1;
    free(folders[i]);
  }
  return result;
}
