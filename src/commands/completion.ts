import type { CommandLine } from '../cli/command-line.ts';
import { guideText, lastThing } from '../cli/completion/shell-setup.ts';
import { completionProgram, install, uninstall, type Environment } from '../cli/completion/installation.ts';
import type { Streams } from '../cli/command.ts';

/** `kubectl migrate completion`. @throws MigrateError (usage, refused) */
export function setUpCompletion({ last, words, refuse }: CommandLine, { out, err }: Streams): void {
  const isInstall = last('install') === 'true';
  const isUninstall = last('uninstall') === 'true';
  const dir = last('dir');
  if (words.length > 0)
    refuse(`unknown word "${words[0]}": kubectl's own completion code for a shell comes from: kubectl completion ${words[0]}`);
  if (isInstall && isUninstall) refuse('--install and --uninstall exclude each other');
  if (dir !== undefined && !isInstall && !isUninstall) refuse('--dir is for --install and --uninstall');
  const environment: Environment = { path: process.env['PATH'] ?? '', platform: process.platform };
  if (isInstall) tellInstalled(install(dir, environment), environment, { out, err });
  else if (isUninstall) out.write(tellUninstalled(uninstall(dir, environment)));
  else out.write(guideText());
}

function tellInstalled({ file, isNew }: { file: string; isNew: boolean }, environment: Environment, { out, err }: Streams): void {
  out.write(`${file} ${isNew ? 'made' : 'is there already'}\n`);
  const used = completionProgram(environment);
  if (used === undefined) err.write('note: that folder is not in PATH, where kubectl looks for it\n');
  else if (used !== file) err.write(`note: kubectl finds ${used} first\n`);
  else err.write(lastThing(process.env));
}

function tellUninstalled(file: string | undefined): string {
  return file === undefined ? 'there is nothing to remove\n' : `${file} removed\n`;
}
