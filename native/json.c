// Reads the annotations of an OCI config.json in one forward pass, without a tree and without allocating. Every step
// checks its bounds; anything that is not JSON makes the whole file unreadable, and the caller then fails closed.
#include "shim.h"
#include <string.h>

struct reader {
  const char *at, *end;
};

static void blanks(struct reader *r) {
  while (r->at < r->end && strchr(" \t\r\n", *r->at) && *r->at)
    r->at++;
}

static int hex4(struct reader *r) {
  int value = 0;
  if (r->end - r->at < 4)
    return -1;
  for (int i = 0; i < 4; i++) {
    int c = (unsigned char)*r->at++;
    int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    if (digit < 0)
      return -1;
    value = value * 16 + digit;
  }
  return value;
}

static int utf8(unsigned code, char *out) {
  if (code < 0x80) {
    out[0] = (char)code;
    return 1;
  }
  if (code < 0x800) {
    out[0] = (char)(0xC0 | code >> 6);
    out[1] = (char)(0x80 | (code & 63));
    return 2;
  }
  if (code < 0x10000) {
    out[0] = (char)(0xE0 | code >> 12);
    out[1] = (char)(0x80 | (code >> 6 & 63));
    out[2] = (char)(0x80 | (code & 63));
    return 3;
  }
  out[0] = (char)(0xF0 | code >> 18);
  out[1] = (char)(0x80 | (code >> 12 & 63));
  out[2] = (char)(0x80 | (code >> 6 & 63));
  out[3] = (char)(0x80 | (code & 63));
  return 4;
}

// One escape sequence behind its backslash. Returns the number of bytes put into out, 0 when it is none.
static int escape(struct reader *r, char *out) {
  static const char plain[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
  if (r->at >= r->end || !*r->at)
    return 0;
  const char *found = strchr(plain, *r->at++);
  if (found && *found) {
    out[0] = meant[found - plain];
    return 1;
  }
  if (r->at[-1] != 'u')
    return 0;
  int code = hex4(r);
  if (code < 0)
    return 0;
  if (code >= 0xD800 && code < 0xDC00 && r->end - r->at >= 6 && r->at[0] == '\\' && r->at[1] == 'u') {
    struct reader low = {r->at + 2, r->end};
    int second = hex4(&low);
    if (second >= 0xDC00 && second < 0xE000) {
      r->at = low.at;
      return utf8(0x10000u + (((unsigned)code - 0xD800u) << 10) + ((unsigned)second - 0xDC00u), out);
    }
  }
  return utf8((unsigned)code, out);
}

// A string at its opening quote, decoded into out (may be NULL). What does not fit, or holds a zero byte, comes out empty.
static int string(struct reader *r, char *out, size_t size) {
  size_t length = 0;
  int fits = 1;
  if (r->at >= r->end || *r->at++ != '"')
    return 0;
  while (r->at < r->end) {
    char bytes[4];
    int count = 1;
    bytes[0] = *r->at++;
    if (bytes[0] == '"') {
      if (out)
        out[fits ? length : 0] = 0;
      return 1;
    }
    if ((unsigned char)bytes[0] < 0x20)
      return 0;
    if (bytes[0] == '\\' && !(count = escape(r, bytes)))
      return 0;
    if (!bytes[0] || length + (size_t)count >= size)
      fits = 0;
    if (out && fits)
      memcpy(out + length, bytes, (size_t)count);
    length += fits ? (size_t)count : 0;
  }
  return 0;
}

static int digits(struct reader *r) {
  const char *start = r->at;
  while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
    r->at++;
  return r->at > start;
}

static int number(struct reader *r) {
  if (r->at < r->end && *r->at == '-')
    r->at++;
  const char *start = r->at;
  if (!digits(r) || (*start == '0' && r->at - start > 1))
    return 0;
  if (r->at < r->end && *r->at == '.') {
    r->at++;
    if (!digits(r))
      return 0;
  }
  if (r->at < r->end && (*r->at == 'e' || *r->at == 'E')) {
    r->at++;
    if (r->at < r->end && (*r->at == '+' || *r->at == '-'))
      r->at++;
    if (!digits(r))
      return 0;
  }
  return 1;
}

static int word(struct reader *r, const char *expected) {
  size_t length = strlen(expected);
  if ((size_t)(r->end - r->at) < length || memcmp(r->at, expected, length))
    return 0;
  r->at += length;
  return 1;
}

struct wanted {
  const char *key;
  char *out;
  size_t size;
};

static int value(struct reader *r, int depth);

// Of a name that comes twice the last one counts, as in every other reader of JSON.
static void forget(const struct wanted *wanted) {
  for (; wanted && wanted->key; wanted++)
    wanted->out[0] = 0;
}

// The members of an object or the elements of an array, at the opening bracket. With `wanted` given, string members
// of those names are decoded; with `annotations` given, so are those of the member "annotations".
static int members(struct reader *r, int depth, const struct wanted *wanted, const struct wanted *annotations) {
  char key[128] = "";
  char close = *r->at == '{' ? '}' : ']';
  if (depth > 200)
    return 0;
  r->at++;
  blanks(r);
  if (r->at < r->end && *r->at == close) {
    r->at++;
    return 1;
  }
  for (;;) {
    blanks(r);
    if (close == '}') {
      if (!string(r, key, sizeof key))
        return 0;
      blanks(r);
      if (r->at >= r->end || *r->at++ != ':')
        return 0;
      blanks(r);
    }
    if (r->at >= r->end)
      return 0;
    const struct wanted *match = NULL;
    for (const struct wanted *one = wanted; close == '}' && one && one->key && !match; one++)
      match = strcmp(one->key, key) ? NULL : one;
    if (match)
      match->out[0] = 0;
    int is_annotations = annotations && close == '}' && !strcmp(key, "annotations");
    if (is_annotations)
      forget(annotations);
    int ok;
    if (match && *r->at == '"')
      ok = string(r, match->out, match->size);
    else if (is_annotations && *r->at == '{')
      ok = members(r, depth + 1, annotations, NULL);
    else
      ok = value(r, depth + 1);
    if (!ok)
      return 0;
    blanks(r);
    if (r->at >= r->end)
      return 0;
    if (*r->at == close) {
      r->at++;
      return 1;
    }
    if (*r->at++ != ',')
      return 0;
  }
}

static int value(struct reader *r, int depth) {
  blanks(r);
  if (r->at >= r->end)
    return 0;
  switch (*r->at) {
  case '"':
    return string(r, NULL, ~(size_t)0);
  case '{':
  case '[':
    return members(r, depth, NULL, NULL);
  case 't':
    return word(r, "true");
  case 'f':
    return word(r, "false");
  case 'n':
    return word(r, "null");
  default:
    return number(r);
  }
}

int identify(const char *config, size_t length, struct container *out) {
  struct container cri = {0}, crio = {0};
  char type[64] = "", crio_type[64] = "";
  const struct wanted wanted[] = {
      {"io.kubernetes.cri.container-type", type, sizeof type},
      {"io.kubernetes.cri.sandbox-namespace", cri.namespace_, sizeof cri.namespace_},
      {"io.kubernetes.cri.sandbox-name", cri.pod, sizeof cri.pod},
      {"io.kubernetes.cri.sandbox-uid", cri.uid, sizeof cri.uid},
      {"io.kubernetes.cri.container-name", cri.name, sizeof cri.name},
      {"io.kubernetes.cri-o.ContainerType", crio_type, sizeof crio_type},
      {"io.kubernetes.pod.namespace", crio.namespace_, sizeof crio.namespace_},
      {"io.kubernetes.pod.name", crio.pod, sizeof crio.pod},
      {"io.kubernetes.pod.uid", crio.uid, sizeof crio.uid},
      {"io.kubernetes.container.name", crio.name, sizeof crio.name},
      {NULL, NULL, 0},
  };
  struct reader reader = {config, config + length};
  blanks(&reader);
  if (reader.at >= reader.end || *reader.at != '{' || !members(&reader, 0, NULL, wanted))
    return 0;
  blanks(&reader);
  if (reader.at != reader.end)
    return 0;
  int is_crio = !type[0] && crio_type[0];
  *out = is_crio ? crio : cri;
  out->is_container = !strcmp(is_crio ? crio_type : type, "container");
  return 1;
}
