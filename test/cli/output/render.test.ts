import { expect, test } from 'vitest';
import { outputOf } from '../../../src/cli/output/output.ts';
import { render } from '../../../src/cli/output/render.ts';
import { tableText } from '../../../src/cli/output/table.ts';
import { movedResult } from '../../../src/cli/moved-result.ts';
import type { MigrationReport } from '../../../src/migration/contract.ts';

const report = {
  pod: 'web-0',
  namespace: 'demo',
  from: 'home-1',
  to: 'away',
  node: 'away-2',
  frozenMs: 517,
  totalMs: 7912,
  bytes: 130_900_000,
  steps: [
    { name: 'plan', ms: 3, bytes: 0 },
    { name: 'precopy', ms: 90, bytes: 77 },
  ],
  notes: ['connections to the outside: their peers get a reset'],
} as unknown as MigrationReport;

function refuse(message: string): never {
  throw new Error(message);
}

test.each([
  [undefined, 'pod/web-0 migrated\n'],
  ['name', 'pod/web-0\n'],
  ['wide', 'NAME    FROM     TO     NODE     FROZEN   TOTAL   BYTES\nweb-0   home-1   away   away-2   0.52 s   7.9 s   131 MB\n'],
  ['jsonpath={.frozenMs}', '517'],
  ['jsonpath={range .steps[*]}{.name}={.bytes}{"\\n"}{end}', 'plan=0\nprecopy=77\n'],
  ['jsonpath-as-json={.steps[*].ms}', '[\n    3,\n    90\n]\n'],
  ['JSON', `${JSON.stringify(report, null, 4)}\n`],
])('-o %s prints a report as kubectl would', async (value, expected) => {
  expect(await render(outputOf(value, refuse), movedResult(report))).toBe(expected);
});

test('YAML has the layout of kubectl', async () => {
  expect(await render(outputOf('yaml', refuse), movedResult(report))).toMatchInlineSnapshot(`
    "pod: web-0
    namespace: demo
    from: home-1
    to: away
    node: away-2
    frozenMs: 517
    totalMs: 7912
    bytes: 130900000
    steps:
    - name: plan
      ms: 3
      bytes: 0
    - name: precopy
      ms: 90
      bytes: 77
    notes:
    - 'connections to the outside: their peers get a reset'
    "
  `);
});

test('what another cluster wrote cannot rewrite the screen', async () => {
  const result = { data: {}, names: [], text: () => 'away\u001B[2J\n' };
  expect(await render({ format: 'text' }, result)).toBe('away\uFFFD[2J\n');
});

test('a table is laid out as that of kubectl get', () => {
  const rows = [
    ['a', 'Running', ''],
    ['a-longer-name', '', 'last'],
  ];
  expect(tableText(['NAME', 'STATUS', 'X'], rows)).toBe(
    'NAME            STATUS    X\na               Running   \na-longer-name             last\n',
  );
  expect(tableText(['NAME', 'STATUS', 'X'], rows, false)).toBe('a               Running   \na-longer-name             last\n');
});
