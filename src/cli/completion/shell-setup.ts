import { basename } from 'node:path';

interface Shell {
  /** Gives the current shell kubectl's own completion. */
  readonly now: string;
  /** Gives it to every later one. */
  readonly always: string;
  readonly needs?: string;
}

/** As `kubectl completion --help` tells it. */
const shells: Readonly<Record<string, Shell>> = {
  bash: {
    now: 'source <(kubectl completion bash)',
    always: "echo 'source <(kubectl completion bash)' >> ~/.bashrc",
    needs: 'the package bash-completion',
  },
  zsh: { now: 'source <(kubectl completion zsh)', always: 'kubectl completion zsh > "${fpath[1]}/_kubectl"' },
  fish: { now: 'kubectl completion fish | source', always: 'kubectl completion fish > ~/.config/fish/completions/kubectl.fish' },
  powershell: {
    now: 'kubectl completion powershell | Out-String | Invoke-Expression',
    always: 'kubectl completion powershell >> $PROFILE',
  },
};

/** What `kubectl migrate completion` prints. */
export function guideText(): string {
  const own = Object.entries(shells).map(
    ([shell, { now, always, needs }]) =>
      `  # ${shell}${needs === undefined ? '' : ` (needs ${needs})`}: now, and in every later shell\n  ${now}\n  ${always}\n`,
  );
  return `kubectl's own completion can complete what follows "kubectl migrate": pods, clusters, flags and their values. It takes kubectl 1.26 or newer.

  # Once: make the program that kubectl asks, beside the plugin
  kubectl migrate completion --install

If kubectl itself does not complete in your shell yet:

${own.join('\n')}`;
}

/** What may be left to do in the shell that SHELL tells, once kubectl finds the program. */
export function lastThing(env: NodeJS.ProcessEnv): string {
  const shell = shells[basename(env['SHELL'] ?? '')];
  return `If kubectl itself does not complete in your shell yet: ${shell ? shell.now : 'kubectl migrate completion tells how'}\n`;
}
