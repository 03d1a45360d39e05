/** How an overlay is mounted on the node. */
export interface OverlayMount {
  readonly upper: string;
  readonly work: string;
  /** The kind of extended attributes by which it marks what lies in its layers. */
  readonly marks: 'trusted' | 'user';
}

/** The overlay that is mounted there, as the text of a mountinfo tells it; undefined when there is none that can be written. */
export function overlayAt(mountinfo: string, mountPoint: string): OverlayMount | undefined {
  const line = mountinfo.split('\n').find((one) => one.split(' ')[4] === mountPoint) ?? '';
  const upper = /[ ,]upperdir=([^, ]+)/.exec(line)?.[1];
  const work = /[ ,]workdir=([^, ]+)/.exec(line)?.[1];
  if (upper === undefined || work === undefined) return undefined;
  return { upper, work, marks: /[ ,]userxattr(,|$)/.test(line) ? 'user' : 'trusted' };
}

/** Where an overlay that is mounted with `index` keeps files of which the image has several names, since one of them was changed. */
export function indexOf({ work }: OverlayMount): string {
  return `${work}/index`;
}
