import manifest from '../../package.json' with { type: 'json' };

export const version: string = manifest.version;

/** The helper pods' image that belongs to this version of the plugin. */
export const agentImage = `ghcr.io/kubectl-migrate/agent:v${version}`;
