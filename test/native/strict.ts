/** For gcc: any read or write outside of bounds, and anything undefined, ends the program with an error. */
export const strictFlags: readonly string[] = [
  '-std=c11',
  '-D_GNU_SOURCE',
  '-g',
  '-O1',
  '-Wall',
  '-Wextra',
  '-Werror',
  '-fsanitize=address,undefined',
  '-fno-sanitize-recover=all',
];
