import assert from 'node:assert/strict';
import test from 'node:test';
import { containerOf, END, ruleWords, START, statesByName } from '../src/model/definition';
import { layOut, type Box, type Placed } from '../src/model/layout';

const DEFINITION = {
  StartAt: 'Check',
  States: {
    Check: { Type: 'Choice', Choices: [{ Variable: '$.n', NumericGreaterThan: 3, Next: 'Each' }], Default: 'No' },
    Each: { Type: 'Map', Iterator: { StartAt: 'Inner', States: { Inner: { Type: 'Parallel', Branches: [{ StartAt: 'A', States: { A: { Type: 'Pass', End: true } } }, { StartAt: 'B', States: { B: { Type: 'Pass', End: true } } }], End: true } } }, Catch: [{ ErrorEquals: ['X', 'Y'], Next: 'No' }], End: true },
    No: { Type: 'Fail' },
  },
};

const inside = (outer: Box, inner: Box, dx: number, dy: number) =>
  inner.x + dx >= outer.x - 0.5 && inner.y + dy >= outer.y - 0.5 && inner.x + dx + inner.width <= outer.x + outer.width + 0.5 && inner.y + dy + inner.height <= outer.y + outer.height + 0.5;

function check(placed: Placed): number {
  let seen = 0;
  placed.states.forEach((box, i) => {
    ++seen;
    assert.ok(inside({ ...placed, x: 0, y: 0 }, box, 0, 0), `${box.state.name} lies in its container`);
    for (const other of placed.states.slice(i + 1))
      assert.ok(box.x + box.width <= other.x || other.x + other.width <= box.x || box.y + box.height <= other.y || other.y + other.height <= box.y, `${box.state.name} and ${other.state.name} overlap`);
    for (const inner of box.inner) {
      assert.ok(inside(box, inner, 0, 0), `what is in ${box.state.name} lies in its box`);
      seen += check(inner);
    }
  });
  return seen;
}

test('states lie beside each other, and those of a box in it', () => {
  assert.equal(check(layOut(containerOf(DEFINITION))), 6);
});

test('arrows: choices, default, catches, start and end', () => {
  const { edges } = containerOf(DEFINITION);
  assert.deepEqual(edges.map((edge) => [edge.from, edge.to, edge.kind, edge.label]), [
    [START, 'Check', 'next', ''],
    ['Check', 'Each', 'choice', '$.n > 3'],
    ['Check', 'No', 'default', 'default'],
    ['Each', END, 'next', ''],
    ['Each', 'No', 'catch', 'X, Y'],
    ['No', END, 'next', ''],
  ]);
});

test('every state knows what it lies in', () => {
  const states = statesByName(containerOf(DEFINITION));
  assert.deepEqual(states.get('A')!.parents, ['Each', 'Inner']);
  assert.equal(states.size, 6);
});

test('rules in words', () => {
  assert.equal(ruleWords({ Condition: '{% $n > 3 %}', Next: 'x' }), '$n > 3');
  assert.equal(ruleWords({ Not: { Variable: '$.a', IsNull: true }, Next: 'x' }), 'not ($.a IsNull true)');
  assert.equal(ruleWords({ And: [{ Variable: '$.a', StringEquals: 'b' }, { Variable: '$.c', NumericLessThanEquals: 1 }] }), '$.a = "b" and $.c ≤ 1');
});

test('a definition that leads nowhere, and one of 300 states, are drawn', () => {
  check(layOut(containerOf({ StartAt: 'gone', States: { A: { Type: 'Pass', Next: 'nowhere' } } })));
  const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`S${i}`, i < 299 ? { Type: 'Pass', Next: `S${i + 1}` } : { Type: 'Pass', End: true }]));
  assert.equal(check(layOut(containerOf({ StartAt: 'S0', States: many }))), 300);
  assert.equal(check(layOut(containerOf({}))), 0);
});
