// Reads the annotations of an OCI config.json in one forward pass, without a tree and without allocating. The runtime's
// client has just written that file with a real encoder, so it is JSON, and no name comes twice; what a pod's user has put into it lies
// within its strings, and nothing in a string is taken for anything else. Names of Kubernetes hold nothing that an encoder
// escapes: an escape where one is read makes the file unreadable, and the caller fails closed.
#include "wrapper.h"
#include <string.h>

struct text {
  const char *at;
  size_t length;
};

struct wanted {
  const char *key;
  char *out;
  size_t size;
};

static int is(struct text text, const char *expected) {
  return text.at && text.length == strlen(expected) && !memcmp(text.at, expected, text.length);
}

// The string whose opening quote `at` is; one without an end has no `at`.
static struct text string(const char *at, const char *end) {
  struct text found = {++at, 0};
  for (; at < end && *at != '"'; at++)
    if (*at == '\\' && at + 1 < end)
      at++;
  found.length = (size_t)(at - found.at);
  return at < end ? found : (struct text){0};
}

static int is_key(const char *behind, const char *end) {
  while (behind < end && (*behind == ' ' || *behind == '\n' || *behind == '\t' || *behind == '\r'))
    behind++;
  return behind < end && *behind == ':';
}

static int take(const struct wanted *wanted, struct text key, struct text value) {
  for (; wanted->key; wanted++) {
    if (!is(key, wanted->key))
      continue;
    if (memchr(value.at, '\\', value.length) || memchr(value.at, 0, value.length) || value.length >= wanted->size)
      return 0;
    memcpy(wanted->out, value.at, value.length);
    wanted->out[value.length] = 0;
  }
  return 1;
}

// Depth 1 is the file's object, depth 2 with `inside` its annotations.
static int scan(const char *at, const char *end, const struct wanted *wanted) {
  int depth = 0, inside = 0;
  struct text key = {0};
  for (; at < end; at++) {
    if (*at == '{' || *at == '[') {
      if (++depth == 2)
        inside = *at == '{' && is(key, "annotations");
    } else if (*at == '}' || *at == ']') {
      if (--depth <= 0)
        return depth == 0;
    } else if (*at == '"') {
      struct text text = string(at, end);
      if (!text.at)
        return 0;
      at = text.at + text.length;
      if (is_key(at + 1, end))
        key = text;
      else if (inside && depth == 2 && !take(wanted, key, text))
        return 0;
    }
  }
  return 0;
}

int identify(const char *config, size_t length, enum client client, struct container *out) {
  struct container found = {0};
  char type[64] = "";
  const struct wanted containerd[] = {
      {"io.kubernetes.cri.container-type", type, sizeof type},
      {"io.kubernetes.cri.sandbox-namespace", found.namespace_, sizeof found.namespace_},
      {"io.kubernetes.cri.sandbox-name", found.pod, sizeof found.pod},
      {"io.kubernetes.cri.sandbox-uid", found.uid, sizeof found.uid},
      {"io.kubernetes.cri.container-name", found.name, sizeof found.name},
      {NULL, NULL, 0},
  };
  const struct wanted crio[] = {
      {"io.kubernetes.cri-o.ContainerType", type, sizeof type},
      {"io.kubernetes.pod.namespace", found.namespace_, sizeof found.namespace_},
      {"io.kubernetes.pod.name", found.pod, sizeof found.pod},
      {"io.kubernetes.pod.uid", found.uid, sizeof found.uid},
      {"io.kubernetes.container.name", found.name, sizeof found.name},
      {NULL, NULL, 0},
  };
  if (!length || *config != '{' || !scan(config, config + length, client == CONTAINERD ? containerd : crio))
    return 0;
  found.is_container = !strcmp(type, "container");
  *out = found;
  return 1;
}
