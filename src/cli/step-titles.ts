import type { StepName } from '../migration/contract.ts';

/** What a person reads for a step. */
export const stepTitles: Readonly<Record<StepName, string>> = {
  plan: 'Plan',
  prepare: 'Prepare both nodes',
  precopy: 'Copy files ahead',
  standby: 'Put the pod on standby at the peer',
  quiesce: 'Let its requests end',
  checkpoint: 'Freeze and checkpoint',
  restore: 'Restore at the peer',
  commit: 'Commit: it runs there now',
  cutover: 'Replace the pod object',
  cleanup: 'Clean up',
};
