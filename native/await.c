// Who is awaited on this node, or must not be started again. Entries of NODE_DIR/await are
//   NAMESPACE_POD   the socket of the agent that decides about that pod's containers; beside it a folder .NAMESPACE_POD with
//                   `until` (seconds since boot, renewed by the agent), `moved` once the pod runs here, and a file for each
//                   pod UID that the runtime was asked about
//   fence.UID       no container of that pod is created; the file says why
// An entry stands while its agent answers, or the kubelet has a pod that it is about (NODE_DIR/pods is the kubelet's folder of
// them). Only what stands no more is ever removed here: with an agent that is dead, too, a pod that did not move stays refused.
#include "wrapper.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define AWAIT NODE_DIR "/await"
// An `until` that lies further ahead is from before a reboot, which began to count anew. Not scaled: nobody waits for it.
enum { longest_lease_s = 3660, name_size = 300, path_size = 600 };

static int is_fence(const char *entry) {
  return !strncmp(entry, "fence.", 6);
}

int is_anybody_awaited(void) {
  int found = 0;
  DIR *folder = opendir(AWAIT);
  for (struct dirent *one; folder && !found && (one = readdir(folder));)
    found = one->d_name[0] != '.';
  if (folder)
    closedir(folder);
  return found;
}

static int is_answering(const char *entry) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  char path[path_size];
  fill(path, sizeof path, AWAIT "/%s", entry);
  int place = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC), connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  fill(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d", place);
  // EAGAIN: it has too many callers, so it has somebody who listens.
  int is_there = place >= 0 && connection >= 0 && (!connect(connection, (struct sockaddr *)&address, sizeof address) || errno == EAGAIN);
  if (place >= 0)
    close(place);
  if (connection >= 0)
    close(connection);
  return is_there;
}

// Where the kubelet's folder is not known, nobody can say that a pod has gone.
static int has_kubelet(const char *uid) {
  char path[path_size];
  struct stat found;
  if (stat(NODE_DIR "/pods/.", &found))
    return 1;
  fill(path, sizeof path, NODE_DIR "/pods/%s", uid);
  return !stat(path, &found);
}

static void boot_id(char *text, size_t size) {
  if (read_text("/proc/sys/kernel/random/boot_id", text, size))
    *text = 0;
}

// What a reboot ended is nobody's concern: neither a held container nor a frozen source is left.
static int is_of_this_boot(const char *text) {
  char now[64];
  boot_id(now, sizeof now);
  return !*text || !*now || !strcmp(text, now);
}

static int is_uid(const char *name) {
  return plain(name) && strcmp(name, "until") && strcmp(name, "moved");
}

static int is_leased(const char *entry) {
  char path[path_size], text[64];
  struct timespec now;
  fill(path, sizeof path, AWAIT "/.%s/until", entry);
  if (read_text(path, text, sizeof text))
    return 0;
  clock_gettime(CLOCK_BOOTTIME, &now);
  long long until = strtoll(text, NULL, 10);
  return now.tv_sec < until && until <= now.tv_sec + longest_lease_s;
}

static int is_fence_standing(const char *entry) {
  char path[path_size], text[2048];
  fill(path, sizeof path, AWAIT "/%s", entry);
  if (read_text(path, text, sizeof text))
    return 0;
  const char *boot = strchr(text, '\n');
  return is_of_this_boot(boot ? boot + 1 : "") && has_kubelet(entry + 6);
}

int is_standing(const char *entry) {
  char path[path_size], text[64];
  int uids = 0, is_there = 0;
  if (is_fence(entry))
    return is_fence_standing(entry);
  if (is_answering(entry))
    return 1;
  fill(path, sizeof path, AWAIT "/.%s/moved", entry);
  if (!access(path, F_OK))
    return 0;
  fill(path, sizeof path, AWAIT "/.%s", entry);
  DIR *folder = opendir(path);
  for (struct dirent *one; folder && !is_there && (one = readdir(folder));) {
    if (!is_uid(one->d_name))
      continue;
    char file[path_size + name_size];
    fill(file, sizeof file, "%s/%s", path, one->d_name);
    uids += !read_text(file, text, sizeof text) && is_of_this_boot(text);
    is_there = uids && is_of_this_boot(text) && has_kubelet(one->d_name);
  }
  if (folder)
    closedir(folder);
  return is_there || (!uids && is_leased(entry));
}

static void remove_folder(const char *path) {
  DIR *folder = opendir(path);
  for (struct dirent *one; folder && (one = readdir(folder));)
    if (strcmp(one->d_name, ".") && strcmp(one->d_name, ".."))
      unlinkat(dirfd(folder), one->d_name, 0);
  if (folder)
    closedir(folder);
  rmdir(path);
}

// Another agent may just have put its own socket there: what is taken away is looked at, and put back when it is another.
static void forget(const char *entry, ino_t judged) {
  char path[path_size], fallen[path_size];
  struct stat found;
  fill(path, sizeof path, AWAIT "/%s", entry);
  fill(fallen, sizeof fallen, AWAIT "/.fallen.%d", (int)getpid());
  if (rename(path, fallen))
    return;
  if (!lstat(fallen, &found) && found.st_ino != judged) {
    rename(fallen, path);
    return;
  }
  unlink(fallen);
  fill(path, sizeof path, AWAIT "/.%s", entry);
  if (!is_fence(entry))
    remove_folder(path);
}

int forget_fallen(void) {
  int standing = 0;
  struct stat judged;
  DIR *folder = opendir(AWAIT);
  for (struct dirent *one; folder && (one = readdir(folder));) {
    if (one->d_name[0] == '.' || fstatat(dirfd(folder), one->d_name, &judged, AT_SYMLINK_NOFOLLOW))
      continue;
    if (is_standing(one->d_name))
      standing++;
    else
      forget(one->d_name, judged.st_ino);
  }
  if (folder)
    closedir(folder);
  return standing;
}

// Not with a dead agent whose time is over: whoever makes a pod of that name then has nothing to do with it.
void note_uid(const char *entry, const char *uid) {
  char path[path_size + name_size], boot[64];
  if (!is_uid(uid) || (!is_answering(entry) && !is_leased(entry)))
    return;
  boot_id(boot, sizeof boot);
  fill(path, sizeof path, AWAIT "/.%s/%s", entry, uid);
  link_text(path, boot);
}

void note_moved(const char *entry) {
  char path[path_size];
  fill(path, sizeof path, AWAIT "/.%s/moved", entry);
  link_text(path, "");
}

int is_fenced(const char *uid, char *message, size_t size) {
  char entry[name_size], path[path_size];
  fill(entry, sizeof entry, "fence.%s", uid);
  fill(path, sizeof path, AWAIT "/%s", entry);
  if (!plain(uid) || access(path, F_OK) || !is_standing(entry) || read_text(path, message, size))
    return 0;
  message[strcspn(message, "\n")] = 0;
  return 1;
}
