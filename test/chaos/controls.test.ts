import { expect, test } from 'vitest';
import { cells, chosenCells } from '../../chaos/cells.ts';
import { broken, controls } from '../../chaos/controls.ts';

test('there are at least eighty cells, each once', () => {
  const names = cells.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(names.length).toBeGreaterThanOrEqual(80);
});

test.each(controls.map((control) => [control.name, control] as const))('%s can be made, and its cells are there', (_, control) => {
  expect(broken(control)).toContain(control.becomes);
  expect(
    chosenCells(control.cells)
      .map(({ name }) => name)
      .toSorted(),
  ).toEqual(control.cells.toSorted());
});

test('a pattern that no cell matches is named', () => {
  expect(() => chosenCells(['nobody killed@*'])).toThrow('no cell is called nobody killed@*');
});
