import { nodeDir } from '../node/host.ts';

/**
 * CRIU's configuration file (CRIU_CONFIG_FILE): only what runc has no flag for, because runc's own settings override
 * the file. `network-lock skip` is right here: the whole pod stands still, and a
 * failed restore then leaves no firewall rule in the pod; it also lets containers of one pod be dumped side by side.
 */
export function criuConfig(actionScript?: string): string {
  const lines = ['network-lock skip', 'skip-in-flight', 'ghost-limit 268435456', 'force-irmap'];
  if (actionScript) lines.push(`action-script ${actionScript}`);
  return `${lines.join('\n')}\n`;
}

/** runc's flags that must be the same when dumping and when restoring. */
export function sharedFlags(manageCgroupsMode: 'soft' | 'ignore'): string[] {
  return ['--tcp-established', '--file-locks', '--manage-cgroups-mode', manageCgroupsMode];
}

/** The environment in which runc finds our CRIU, and CRIU its tar (native/tar.c), before anything that the node has. */
export function criuEnvironment(configFile: string): Record<string, string> {
  return {
    PATH: `${nodeDir}/tools/criu:${nodeDir}/tools/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
    CRIU_CONFIG_FILE: configFile,
  };
}
