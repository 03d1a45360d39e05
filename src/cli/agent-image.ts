import { version } from '../version.ts';

/** The helper pods' image that belongs to this version of the plugin. */
export const agentImage = `ghcr.io/kubectl-migrate/agent:v${version}`;
