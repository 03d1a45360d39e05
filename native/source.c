// Calls about a container that stands still at its source while its pod is moved. What the runtime would do to end it, a signal for
// one process and a thaw for all, lets the others run on behind their checkpoint; so it is ended here, as a whole. And whoever wants
// it to run again has to ask the source guard. And the sandbox of a pod that has moved is kept while a relay needs its network.
#include "deadline.h"
#include "freezer.h"
#include "wrapper.h"
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

// A relay ends by itself before that (native/relay.c).
enum { end_limit_ms = 10000, relay_limit_ms = 65000, folder_size = 4096 };

// The folder of its freezer, as the list in a claim's folder has it (src/agent/source/claim.ts). @returns whether it is in that list
static int is_listed(const char *list, const char *id, char *folder) {
  char line[4700], listed[256];
  int is_found = 0;
  FILE *in = fopen(list, "re");
  while (in && !is_found && fgets(line, sizeof line, in))
    is_found = sscanf(line, "%*[^\t]\t%255[^\t]\t%*[^\t]\t%4095[^\n]", listed, folder) == 2 && !strcmp(listed, id);
  if (in)
    fclose(in);
  return is_found;
}

// 1 when it stands still for a migration; `claim` is the folder of its claim then.
static int find_frozen(const char *id, char *claim, size_t size, char *folder) {
  glob_t lists;
  int is_found = 0;
  if (glob(RUN_DIR "/pods/*/*/frozen", 0, NULL, &lists))
    return 0;
  for (size_t i = 0; i < lists.gl_pathc && !is_found; i++)
    if ((is_found = is_listed(lists.gl_pathv[i], id, folder)))
      fill(claim, size, "%.*s", (int)(strrchr(lists.gl_pathv[i], '/') - lists.gl_pathv[i]), lists.gl_pathv[i]);
  globfree(&lists);
  return is_found && freezer_is_frozen(folder) == 1;
}

// Committed, and nobody has heard that it runs at the peer: until then it may have to be let run again, on the target's word that it
// never ran (src/protocol/settle.ts), and its memory may be here alone.
static int is_all_there_is(const char *claim) {
  char path[4300], text[1024];
  fill(path, sizeof path, "%s/decision", claim);
  if (access(path, F_OK) || (!read_text(path, text, sizeof text) && strstr(text, "\"aborted\"")))
    return 0;
  fill(path, sizeof path, "%s/running", claim);
  return access(path, F_OK) != 0;
}

// The pod's address is free for others as soon as its sandbox has ended.
static void await_relay(const char *id) {
  glob_t relays;
  char sandbox[256];
  if (glob(RUN_DIR "/pods/*/*/relay", 0, NULL, &relays))
    return;
  for (size_t i = 0; i < relays.gl_pathc; i++) {
    if (read_text(relays.gl_pathv[i], sandbox, sizeof sandbox) || strcmp(sandbox, id))
      continue;
    int file = open(relays.gl_pathv[i], O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    for (long long deadline = boot_ms() + scaled(relay_limit_ms); file >= 0 && flock(file, LOCK_SH | LOCK_NB) && boot_ms() < deadline;)
      usleep(20000);
    if (file >= 0)
      close(file);
  }
  globfree(&relays);
}

// The word of the signal, or the one that runtimes send without a word.
static const char *signal_of(const struct call *call) {
  const char *last = call->argv[call->argc - 1];
  return last == call->id ? "TERM" : strncmp(last, "SIG", 3) ? last : last + 3;
}

int frozen_call(const struct call *call, const char *verb) {
  char claim[4200], folder[folder_size], note[4300];
  int is_kill = !strcmp(verb, "kill"), is_delete = !strcmp(verb, "delete") && is_option(call, "--force", "-f");
  if (!is_kill && !is_delete && strcmp(verb, "resume"))
    return -1;
  if (!find_frozen(call->id, claim, sizeof claim, folder)) {
    if (is_kill && strcmp(signal_of(call), "0"))
      await_relay(call->id);
    return -1;
  }
  if (!is_kill && !is_delete)
    return refuse(call, "the container stands still while its pod is moved");
  const char *signal = is_delete ? "KILL" : signal_of(call);
  if (strcmp(signal, "KILL") && strcmp(signal, "9")) {
    // A first process without a handler loses it without a trace.
    fill(note, sizeof note, "%s/stopped", claim);
    if (strcmp(signal, "0"))
      put_text(note, signal);
    return -1;
  }
  if (is_all_there_is(claim))
    return refuse(call, "the pod was handed over by a migration that has not heard yet whether it runs: its memory may be here alone");
  if (freezer_kill(folder, scaled(end_limit_ms)))
    return refuse(call, "the frozen container does not end");
  return is_kill ? 0 : -1; // the runtime would say that there is nothing to kill
}
