import type { Command } from '../command.ts';

/** `kubectl migrate completion`. */
export const completionCommand: Command = {
  name: 'completion',
  summary: 'Set up the completion of pods, clusters and flags in your shell.',
  description: [
    "kubectl's own completion (bash, zsh, fish, PowerShell) asks a program named kubectl_complete-migrate, wherever in PATH it is, what could come next after `kubectl migrate`. --install makes it: a script of three lines beside the plugin. Without a flag, this command prints all that there is to do.",
  ],
  examples: [
    { purpose: 'Tell what there is to do for your shell', line: 'kubectl migrate completion' },
    { purpose: 'Let kubectl complete what follows kubectl migrate', line: 'kubectl migrate completion --install' },
    { purpose: 'Take that away again', line: 'kubectl migrate completion --uninstall' },
  ],
  usage: '[--install | --uninstall] [--dir DIR]',
  flags: [
    {
      name: 'dir',
      kind: 'string',
      default: '',
      text: 'The folder of kubectl_complete-migrate, if not that of kubectl-migrate. It has to be in PATH.',
    },
    {
      name: 'install',
      kind: 'boolean',
      default: 'false',
      text: 'Make kubectl_complete-migrate. What is there under that name and was not made by this command is left alone.',
    },
    { name: 'uninstall', kind: 'boolean', default: 'false', text: 'Remove the kubectl_complete-migrate that --install made.' },
  ],
  exitCodes: { 0: 'done', 2: 'wrong usage', 3: 'refused, nothing was touched' },
};
