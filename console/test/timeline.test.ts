import assert from 'node:assert/strict';
import test from 'node:test';
import { FOLD_WIDTH, makeAxis, ticks, union, xOf } from '../src/model/timeline';

test('overlapping spans are one', () => {
  assert.deepEqual(union([{ from: 5, to: 6 }, { from: 0, to: 2 }, { from: 1, to: 3 }]), [{ from: 0, to: 3 }, { from: 5, to: 6 }]);
});

test('a night without work is folded, what works keeps its scale', () => {
  const axis = makeAxis([{ from: 0, to: 10 }, { from: 86_400, to: 86_420 }], { from: 0, to: 86_420 }, 344);
  assert.deepEqual(axis.map((stretch) => stretch.folded), [false, true, false]);
  assert.equal(axis[1]!.x1 - axis[1]!.x0, FOLD_WIDTH);
  assert.equal(xOf(axis, 10), 100);
  assert.equal(xOf(axis, 86_420), 344);
  assert.ok(xOf(axis, 40_000) > 100 && xOf(axis, 40_000) < 144);
});

test('short pauses are not folded', () => {
  const axis = makeAxis([{ from: 0, to: 1 }, { from: 3, to: 4 }], { from: 0, to: 4 }, 400);
  assert.deepEqual(axis.map((stretch) => [stretch.x0, stretch.x1, stretch.folded]), [[0, 400, false]]);
});

test('an axis on which nothing works is not folded', () => {
  const axis = makeAxis([], { from: 0, to: 3600 }, 400);
  assert.deepEqual(axis.map((stretch) => stretch.folded), [false]);
  assert.equal(xOf(axis, 1800), 200);
});

test('times outside lie at the ends', () => {
  const axis = makeAxis([{ from: 10, to: 20 }], { from: 10, to: 20 }, 100);
  assert.equal(xOf(axis, 0), 0);
  assert.equal(xOf(axis, 99), 100);
  assert.equal(xOf([], 5), 0);
});

test('marks are at round distances, and few', () => {
  const axis = makeAxis([{ from: 100, to: 160 }], { from: 100, to: 160 }, 600);
  assert.deepEqual(ticks(axis).map((time) => time - 100), [0, 10, 20, 30, 40, 50, 60]);
  const long = makeAxis([{ from: 0, to: 1 }, { from: 1e6, to: 1e6 + 5e5 }], { from: 0, to: 1.5e6 }, 800);
  assert.ok(ticks(long).length < 20);
});

test('many folds leave room', () => {
  const busy = Array.from({ length: 50 }, (_, i) => ({ from: i * 1000, to: i * 1000 + 1 }));
  const axis = makeAxis(busy, { from: 0, to: 49_001 }, 400);
  assert.ok(Math.abs(axis.at(-1)!.x1 - 400) < 1e-6);
  assert.ok(axis.every((stretch) => stretch.x1 >= stretch.x0));
});
