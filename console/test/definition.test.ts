import assert from 'node:assert/strict';
import test from 'node:test';
import { containerOf, statesByName } from '../src/model/definition';
import { diffLines, hunksOf } from '../src/model/diff';
import type { Visit } from '../src/model/history';
import { locate, pathOfState } from '../src/model/pointer';
import { inScope } from '../src/model/scope';

const TEXT = '{ "StartAt": "A", "States": { "A/b": {"Type": "Wait", "Seconds" : -1 }, "P": {"Branches": [ {"a": 1}, {"States": {"In\\"ner": {"Type": "Pass"}}} ]} } }';
const shown = (path: string) => {
  const found = locate(TEXT, path);
  return found && TEXT.slice(found.from, found.to);
};

test('a diagnostic is shown at the value that it names, or at the nearest around it', () => {
  assert.equal(shown('/States/A~1b/Seconds'), '"Seconds" : -1');
  assert.equal(shown('/States/P/Branches/1/States/In"ner/Type'), '"Type": "Pass"');
  assert.equal(shown('/StartAt'), '"StartAt": "A"');
  assert.equal(shown('/States/A~1b/Next'), '"A/b"');
  assert.equal(shown('/'), undefined);
  assert.deepEqual(locate('{"a": ', '/a/b'), { from: 1, to: 4 });
  assert.equal(locate('nonsense', '/a'), undefined);
});

test('a state is found in boxes too', () => {
  assert.equal(pathOfState(JSON.parse(TEXT), 'In"ner'), '/States/P/Branches/1/States/In"ner');
  assert.equal(pathOfState(JSON.parse(TEXT), 'A/b'), '/States/A~1b');
  assert.equal(pathOfState(JSON.parse(TEXT), 'Nowhere'), undefined);
  assert.equal(pathOfState(undefined, 'A'), undefined);
});

test('changes between two texts, with what is as before counted', () => {
  const lines = diffLines('a\nb\nc', 'a\nx\nc');
  assert.deepEqual(lines.map((line) => line.kind[0] + line.text), ['sa', 'rb', 'ax', 'sc']);
  assert.deepEqual(diffLines('same', 'same').map((line) => line.kind), ['same']);
  const long = Array.from({ length: 50 }, (_, i) => String(i));
  const { hunks, rest } = hunksOf(diffLines(long.join('\n'), [...long.slice(0, 20), 'new', ...long.slice(20)].join('\n')));
  assert.deepEqual([hunks.length, hunks[0]!.skipped, rest, hunks[0]!.lines.length], [1, 17, 27, 7]);
  const huge = (letter: string) => Array.from({ length: 3000 }, (_, i) => letter + i).join('\n');
  assert.equal(diffLines(huge('a'), huge('b')).length, 6000);
});

test('a state sees what was assigned before it, in its scope and around it', () => {
  const pass = (more: object) => ({ Type: 'Pass', ...more });
  const states = statesByName(
    containerOf({
      StartAt: 'Set',
      States: {
        Set: pass({ Assign: { x: 1 }, Next: 'Each' }),
        Each: { Type: 'Map', ItemProcessor: { StartAt: 'Inner', States: { Inner: pass({ Assign: { y: 1 }, Next: 'Read' }), Read: pass({ End: true }) } }, Next: 'Last' },
        Last: pass({ End: true }),
      },
    }),
  );
  const visit = (id: number, name: string, exited: number, iterations: Record<string, number> = {}) => ({ id, name, exited, iterations }) as unknown as Visit;
  const visits = [visit(1, 'Set', 2), visit(5, 'Inner', 6, { Each: 0 }), visit(7, 'Inner', 8, { Each: 1 }), visit(9, 'Read', 10, { Each: 1 }), visit(20, 'Last', 21)];
  assert.deepEqual(inScope(visits, visits[3]!, states).map((each) => each.id), [1, 7]);
  assert.deepEqual(inScope(visits, visits[4]!, states).map((each) => each.id), [1]);
});
