// Stands before GNU tar in CRIU's PATH. CRIU packs and unpacks every tmpfs of a container with `tar --gzip`, for which
// tar runs a shell and gzip: programs of the node, which some nodes do not have, and time in which the pod stands still.
// Without that flag tar needs nothing. Both ends are ours, so both leave it out.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TAR "/var/lib/kubectl-migrate/tools/bin/tar"

int main(int argc, char **argv) {
  int count = 0;
  for (int i = 0; i < argc; i++)
    if (strcmp(argv[i], "--gzip"))
      argv[count++] = argv[i];
  argv[count] = NULL;
  execv(TAR, argv);
  perror(TAR);
  return 127;
}
