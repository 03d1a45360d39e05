// The words of a call to an OCI runtime: what runc and crun have in common.
#include "wrapper.h"
#include <stdarg.h>
#include <string.h>

// Options that take a value: before the verb, of `exec`, and of all other verbs.
static const char global_valued[] = " root log log-format criu rootless cgroup-manager ";
static const char exec_valued[] = " console-socket pidfd-socket preserve-fds pid-file process p cwd env e user u additional-gids g process-label apparmor cap c cgroup ";
static const char other_valued[] = " bundle b pid-file console-socket pidfd-socket preserve-fds config ";
static const char global_flags[] = " debug systemd-cgroup help h version v ";
static const char verbs[] = " checkpoint create delete events exec features help init kill list mounts pause ps restore resume run spec start state update ";

static int is_in(const char *list, const char *word, size_t length) {
  for (const char *at = list; (at = strchr(at, ' ')) && at[1]; at++)
    if (!strncmp(at + 1, word, length) && at[1 + length] == ' ')
      return length > 0;
  return 0;
}

static void parse_from(struct call *call, int first, int *is_odd) {
  for (int i = first; i < call->argc; i++) {
    char *word = call->argv[i];
    if (word[0] != '-' || !word[1]) {
      if (!call->verb)
        call->verb = i;
      else if (!call->id)
        call->id = word;
      continue;
    }
    word += word[1] == '-' ? 2 : 1;
    size_t length = strcspn(word, "=");
    const char *text = word[length] ? word + length + 1 : NULL;
    const char *valued = !call->verb ? global_valued : !strcmp(call->argv[call->verb], "exec") ? exec_valued : other_valued;
    // crun's `create -f CONFIG`; elsewhere it is `--force`.
    int takes_value = is_in(valued, word, length) || (call->verb && length == 1 && *word == 'f' && !strcmp(call->argv[call->verb], "create"));
    *is_odd |= !call->verb && !takes_value && !text && !is_in(global_flags, word, length);
    if (!text && takes_value && i + 1 < call->argc)
      text = call->argv[++i];
    if (!call->verb && length == 3 && !strncmp(word, "log", 3))
      call->log = text;
    if (!call->verb && length == 4 && !strncmp(word, "root", 4))
      call->root = text;
    if (call->verb && ((length == 6 && !strncmp(word, "bundle", 6)) || (length == 1 && *word == 'b')))
      call->bundle = text;
  }
}

// A global option that nobody here knows may take the next word as its value, and the verb is not what it seems: then a `create`
// anywhere counts as one. To ask for nothing is harmless, to miss one starts an awaited container from nothing.
void parse(struct call *call) {
  int is_odd = 0;
  parse_from(call, 1, &is_odd);
  const char *verb = call->verb ? call->argv[call->verb] : "";
  if (!call->verb || (!is_odd && is_in(verbs, verb, strlen(verb))))
    return;
  for (int i = 1; i < call->argc; i++)
    if (!strcmp(call->argv[i], "create")) {
      call->verb = i;
      call->id = call->bundle = NULL;
      parse_from(call, i + 1, &is_odd);
      return;
    }
}

int is_option(const struct call *call, const char *long_name, const char *short_name) {
  for (int i = call->verb + 1; i < call->argc; i++)
    if (!strcmp(call->argv[i], long_name) || !strcmp(call->argv[i], short_name))
      return 1;
  return 0;
}

int plain(const char *text) {
  static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  return text && *text && *text != '.' && *text != '-' && strspn(text, allowed) == strlen(text) && strlen(text) < 254;
}

// containerd shows the kubelet the last error line of the runtime's log file; standard error is for CRI-O and people.
int refuse(const struct call *call, const char *format, ...) {
  char message[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  for (char *at = message; *at; at++)
    if (*at == '"' || *at == '\\' || (unsigned char)*at < 0x20)
      *at = *at == '"' ? '\'' : ' ';
  fprintf(stderr, "kubectl migrate: %s\n", message);
  FILE *log = call->log ? fopen(call->log, "ae") : NULL;
  if (log) {
    fprintf(log, "{\"level\":\"error\",\"msg\":\"kubectl migrate: %s\"}\n", message);
    fclose(log);
  }
  return 1;
}
