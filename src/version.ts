import manifest from '../package.json' with { type: 'json' };

/** Of the plugin and of the agent alike: they speak to each other only when both are of one version. */
export const version: string = manifest.version;
