import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The test of the bed itself comes last: it takes the bed down, and the others would have to wait for it to come up. */
export class BedLast extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).toSorted((one, other) => Number(isBed(one)) - Number(isBed(other)));
  }
}

function isBed({ moduleId }: TestSpecification): boolean {
  return moduleId.endsWith('/e2e/bed.test.ts');
}
