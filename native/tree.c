#include "tree.h"
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct process {
  pid_t pid, parent;
  char state;
  int is_below;
};

// /proc/PID/stat: the name in parentheses is the process's own choice, so from its last one on.
static int read_process(const char *pid, struct process *out) {
  char path[300], text[512];
  snprintf(path, sizeof path, "/proc/%s/stat", pid);
  FILE *file = fopen(path, "re");
  if (!file)
    return -1;
  size_t length = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[length] = 0;
  const char *end = strrchr(text, ')');
  int parent;
  *out = (struct process){.pid = (pid_t)strtol(pid, NULL, 10)};
  if (!end || sscanf(end + 1, " %c %d", &out->state, &parent) != 2)
    return -1;
  out->parent = (pid_t)parent;
  return 0;
}

static struct process *list(size_t *count) {
  struct process *all = NULL;
  size_t room = 0;
  *count = 0;
  DIR *proc = opendir("/proc");
  for (struct dirent *one; proc && (one = readdir(proc));) {
    if (one->d_name[0] < '1' || one->d_name[0] > '9')
      continue;
    if (*count == room) {
      struct process *larger = realloc(all, (room = room ? room * 2 : 512) * sizeof *all);
      if (!larger)
        break;
      all = larger;
    }
    *count += !read_process(one->d_name, all + *count);
  }
  if (proc)
    closedir(proc);
  return all;
}

static int is_marked(const struct process *all, size_t count, pid_t pid) {
  for (size_t i = 0; i < count; i++)
    if (all[i].pid == pid)
      return all[i].is_below;
  return 0;
}

int kill_below(pid_t top, pid_t spared) {
  size_t count;
  struct process *all = list(&count);
  int found = 0;
  for (int has_more = 1; has_more;) {
    has_more = 0;
    for (size_t i = 0; i < count; i++)
      if (!all[i].is_below && (all[i].parent == top || is_marked(all, count, all[i].parent)))
        has_more = all[i].is_below = 1;
  }
  for (size_t i = 0; i < count; i++)
    if (all[i].is_below && all[i].pid != spared && all[i].state != 'Z' && all[i].state != 'X') {
      kill(all[i].pid, SIGKILL);
      found++;
    }
  free(all);
  return found;
}
