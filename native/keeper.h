// The keeper of one container, and how it ends: see keeper.c.
#ifndef KEEPER_H
#define KEEPER_H
#include "held.h"
#include "wrapper.h"
#include <sys/types.h>

enum { words_max = 512 };

struct keeper {
  const char *held, *id;
  char *words[words_max + 1]; // of the restore
  struct call restore;        // the same
  int agent, changes, is_agent_gone;
  pid_t runtime;
};

// Whether a child has ended, and with which exit code.
int is_over(pid_t child, int *code);

// finish.c. Each returns what could not be done, in words, or "".
const char *finish_kill(struct keeper *k);
const char *finish_go(struct keeper *k);
#endif
