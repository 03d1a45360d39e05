import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * First what needs no bed, which comes up meanwhile; then what builds the executables, the longest. The test of the bed itself
 * comes last: it takes the bed down, and the others would have to wait for it to come up.
 */
export class Order extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).toSorted((one, other) => place(one) - place(other));
  }
}

function place({ moduleId, project }: TestSpecification): number {
  if (project.name === 'unit') return 0;
  if (moduleId.endsWith('/e2e/installed.test.ts')) return 1;
  return moduleId.endsWith('/e2e/bed.test.ts') ? 3 : 2;
}
