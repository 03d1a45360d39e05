// Calls about a container that is held: restored and frozen, until its migration is decided. To everybody but us it runs; and
// nobody but the decision lets it. What the runtime itself would do to it (kill one process, thaw the rest) is done here first.
#include "held.h"
#include "deadline.h"
#include "freezer.h"
#include "wrapper.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { end_limit_ms = 10000, exec_refused = 255 };

// While its keeper works for it, the migration's folder; else -1.
static int find_held(const char *id, char *held) {
  struct stat found;
  fill(held, PATH_SIZE, RUN_DIR "/held/by-id/%s/.", id);
  return stat(held, &found);
}

static void await_keeper(const char *held, const char *id) {
  char path[PATH_SIZE];
  int file = open(held_path(path, held, id, ".keeper"), O_RDONLY | O_CLOEXEC);
  for (long long limit = boot_ms() + scaled(end_limit_ms); file >= 0 && flock(file, LOCK_SH | LOCK_NB) && boot_ms() < limit;)
    usleep(2000);
  if (file >= 0)
    close(file);
}

// The runtime is to end one container: so the pod cannot move as a whole any more, whatever the signal. An init without a handler
// loses a signal without a trace: the agent has to know it from the note.
static int stop(const struct call *call, const char *held, const char *why) {
  char path[PATH_SIZE];
  put_text(held_path(path, held, call->id, ".killed"), why);
  if (decide(held, KILL) == GO) {
    let_go(held);
    return -1;
  }
  if (end_held(held, scaled(end_limit_ms)))
    return refuse(call, "the held container does not end");
  await_keeper(held, call->id);
  return -1;
}

static int is_signal(const struct call *call) {
  const char *last = call->argv[call->argc - 1];
  return last == call->id || strcmp(last, "0");
}

// The runtime's answer, with `running` in the place of `paused`: CRI-O would `resume` what it takes for paused.
static int state(const struct call *call) {
  static const char paused[] = "\"paused\"", running[] = "\"running\"";
  int ends[2], status = 0;
  size_t length = 0, room = 1 << 16;
  char *text = malloc(room);
  pid_t child = !text || pipe2(ends, O_CLOEXEC) ? -1 : fork();
  if (!child) {
    dup2(ends[1], 1);
    _exit(real(call->argv));
  }
  if (child < 0)
    return refuse(call, "%s", strerror(errno));
  close(ends[1]);
  for (ssize_t more; (more = read(ends[0], text + length, room - 1 - length)) > 0;) {
    length += (size_t)more;
    if (length == room - 1) {
      char *larger = realloc(text, room *= 2);
      if (!larger)
        break;
      text = larger;
    }
  }
  close(ends[0]);
  text[length] = 0;
  char *key = strstr(text, "\"status\""), *word = key ? strstr(key, paused) : NULL;
  // Only the status itself: what follows the key is a colon and blanks.
  if (word && strspn(key + 8, ": \t\n") == (size_t)(word - key - 8)) {
    fwrite(text, 1, (size_t)(word - text), stdout);
    fputs(running, stdout);
    word += sizeof paused - 1;
  } else
    word = text;
  fputs(word, stdout);
  int is_bad = fflush(stdout);
  free(text);
  while (waitpid(child, &status, 0) < 0 && errno == EINTR)
    ;
  return is_bad || !WIFEXITED(status) ? 1 : WEXITSTATUS(status);
}

int held_call(const struct call *call, const char *verb) {
  char held[PATH_SIZE];
  if (find_held(call->id, held) || decision_of(held) == GO)
    return -1;
  if (!strcmp(verb, "state"))
    return state(call);
  if (!strcmp(verb, "start"))
    return decision_of(held) == KILL ? refuse(call, "the migration of this container was given up") : 0;
  if (!strcmp(verb, "resume"))
    return refuse(call, "the container is held until its migration is decided");
  if (!strcmp(verb, "exec")) {
    refuse(call, "the container is held until its migration is decided");
    return exec_refused;
  }
  if (!strcmp(verb, "kill") && is_signal(call))
    return stop(call, held, call->argv[call->argc - 1]);
  if (!strcmp(verb, "delete") && is_option(call, "--force", "-f"))
    return stop(call, held, "delete");
  return -1;
}
