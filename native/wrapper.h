// The runtime wrapper on a node, and CRIU's hook. See wrapper.c for what it does.
#ifndef WRAPPER_H
#define WRAPPER_H
#include <stddef.h>
#include <stdio.h>

// Our folder on a node, and the one that does not outlive a reboot; macros so that tests can use others.
#ifndef NODE_DIR
#define NODE_DIR "/var/lib/kubectl-migrate"
#endif
#ifndef RUN_DIR
#define RUN_DIR "/run/kubectl-migrate"
#endif

// What the runtime was asked.
struct call {
  int argc;
  int verb; // index of the verb, 0 for none
  char **argv;
  const char *id, *bundle, *log, *root;
};

// call.c
void parse(struct call *call);
int is_option(const struct call *call, const char *long_name, const char *short_name); // whether it stands behind the verb
int plain(const char *text);                                                             // fit to be one segment of a path and one field of our lines
int refuse(const struct call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Which container a bundle is for, as the runtime's client tells in its annotations.
struct container {
  int is_container; // 0 for a sandbox
  char namespace_[254], pod[254], uid[254], name[254];
};
enum client { CONTAINERD, CRIO };

// identify.c: 1 when the bundle's config.json could be read, else 0. Only the annotations of that client are believed.
int identify(const char *config, size_t length, enum client client, struct container *out);

// files.c
// As snprintf(), but what has no room is left empty, and no path is a wrong one for being cut off. 0, or -1.
int fill(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
int read_text(const char *path, char *text, size_t size); // 0 without its last newline, or -1
int put_text(const char *path, const char *text);         // whole or not at all, in the place of what was there. 0, or -1
int link_text(const char *path, const char *text);        // the same, but only if nothing is there: else -1 and EEXIST
int lock_node(void);                                      // a descriptor to be closed, or -1

// agent.c
FILE *dial(const char *socket, int patience_s); // NULL when nobody answers; 0: as long as it takes
char *answer(FILE *agent);                      // its next line without the newline, or NULL

// await.c: entries of NODE_DIR/await
int is_anybody_awaited(void);
int is_standing(const char *entry);
int forget_fallen(void); // under the node's lock. How many stand.
void note_uid(const char *entry, const char *uid);
void note_moved(const char *entry);
int is_fenced(const char *uid, char *message, size_t size);

// cover.c
int cover(const char *runtime);
int uncover(const char *runtime); // unless an entry stands
void remember_own_path(void); // what we are mounted over; not to be asked any more once we have uncovered it
int uncover_self(void);
int real(char **argv); // does not return when all is well

// create.c: the exit code of the call, or -1 when it is the runtime's after all
int create(const struct call *call);

// held.c: the same for a call about a container that is held, or being restored
int held_call(const struct call *call, const char *verb);

// source.c: the same about one that stands still at its source
int frozen_call(const struct call *call, const char *verb);

// keeper.c: lives as long as the restore and the hold. `plan` is how many variables, these, and the words of the call.
void keep(FILE *agent, const struct call *call, char *plan) __attribute__((noreturn));

// hook.c
int hook(void);
#endif
