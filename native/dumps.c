#include "guard.h"
#include <ctype.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// Whether a link of /proc leads into the folder. The path alone proves nothing: a container can have a folder of the same name.
static int leads_into(const char *link, const char *staging) {
  char path[4096];
  struct stat there, named;
  size_t length = strlen(staging);
  ssize_t size = readlink(link, path, sizeof path - 1);
  if (size < (ssize_t)length)
    return 0;
  path[size] = 0;
  return !strncmp(path, staging, length) && (!path[length] || path[length] == '/') && !stat(link, &there) && !stat(path, &named) &&
         there.st_dev == named.st_dev && there.st_ino == named.st_ino;
}

static int works_in(pid_t pid, const char *staging) {
  char link[64];
  snprintf(link, sizeof link, "/proc/%d/cwd", (int)pid);
  return leads_into(link, staging);
}

static int has_open_in(pid_t pid, const char *staging) {
  char folder[64], link[384];
  int is_found = 0;
  snprintf(folder, sizeof folder, "/proc/%d/fd", (int)pid);
  DIR *files = opendir(folder);
  for (struct dirent *one; files && !is_found && (one = readdir(files));) {
    snprintf(link, sizeof link, "%s/%s", folder, one->d_name);
    is_found = isdigit((unsigned char)one->d_name[0]) && leads_into(link, staging);
  }
  if (files)
    closedir(files);
  return is_found;
}

static size_t read_of(pid_t pid, const char *file, char *text, size_t room) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
  FILE *in = fopen(path, "re");
  size_t size = in ? fread(text, 1, room - 1, in) : 0;
  if (in)
    fclose(in);
  text[size] = 0;
  return size;
}

// Only who may enter the folder is asked for its name: a person's shell in there is no dump.
static int is_criu(pid_t pid) {
  char name[32];
  read_of(pid, "comm", name, sizeof name);
  return !strcmp(name, "criu\n");
}

// `runc … checkpoint …`, or the child that is just becoming it.
static int is_runc(pid_t pid) {
  char text[4096];
  size_t size = read_of(pid, "cmdline", text, sizeof text);
  for (char *word = text; word < text + size; word += strlen(word) + 1)
    if (!strcmp(word, "checkpoint"))
      return 1;
  return 0;
}

int end_dumps(const char *staging) {
  int count = 0;
  DIR *proc = opendir("/proc");
  for (struct dirent *one; proc && (one = readdir(proc));) {
    pid_t pid = isdigit((unsigned char)one->d_name[0]) ? (pid_t)atoi(one->d_name) : 0;
    if (pid <= 1 || pid == getpid())
      continue;
    int is_to_end = works_in(pid, staging) && is_runc(pid);
    if (is_to_end)
      kill(pid, SIGKILL);
    // In the order of CRIU's doing: it has its log open before it first enters a container, which gives it another working folder.
    int is_dump = is_criu(pid) && (works_in(pid, staging) || has_open_in(pid, staging));
    // Somebody may have stopped it, and what it holds with it.
    if (is_dump)
      kill(pid, SIGCONT);
    count += is_to_end || is_dump;
  }
  if (proc)
    closedir(proc);
  return count;
}
