import assert from 'node:assert/strict';
import test from 'node:test';
import { containerOf, statesByName } from '../src/model/definition';
import { HistoryReader, iterationsOf, summarise, type HistoryEvent } from '../src/model/history';

const NESTED = {
  StartAt: 'Each',
  States: {
    Each: { Type: 'Map', ItemProcessor: { StartAt: 'Work', States: { Work: { Type: 'Task', Catch: [{ ErrorEquals: ['States.ALL'], Next: 'Mend' }], Next: 'Mend' }, Mend: { Type: 'Pass', End: true } } }, Next: 'Last' },
    Last: { Type: 'Task', End: true },
  },
};

/** Events in order; [type, previous, details]. One second passes with each. */
function historyOf(rows: [string, number, Record<string, unknown>?][]): HistoryEvent[] {
  return rows.map(([type, previousEventId, details], i) => ({ id: i + 1, previousEventId, timestamp: 1000 + i, type, ...(details ? { someEventDetails: details } : {}) }));
}

function read(definition: object, rows: [string, number, Record<string, unknown>?][]) {
  const reader = new HistoryReader(statesByName(containerOf(definition as Record<string, unknown>)));
  reader.take(historyOf(rows));
  return reader.model();
}

const RETRIED: [string, number, Record<string, unknown>?][] = [
  ['ExecutionStarted', 0],
  ['TaskStateEntered', 1, { name: 'Last' }],
  ['TaskScheduled', 2, { resourceType: 'sqs', resource: 'sendMessage' }],
  ['TaskFailed', 3, { error: 'A', cause: 'first' }],
  ['TaskScheduled', 4, { resourceType: 'sqs', resource: 'sendMessage' }],
  ['TaskFailed', 5, { error: 'B', cause: 'second' }],
  ['ExecutionFailed', 6, { error: 'B', cause: 'second' }],
];

test('each try is an attempt, and the last error is the visit’s', () => {
  const { visits, failed } = read({ StartAt: 'Last', States: { Last: NESTED.States.Last } }, RETRIED);
  assert.equal(visits.length, 1);
  assert.equal(failed, visits[0]);
  assert.equal(failed!.status, 'failed');
  assert.equal(failed!.error, 'B');
  assert.deepEqual(failed!.attempts.map((each) => [each.status, each.error, each.began, each.ended]), [['failed', 'A', 1002, 1003], ['failed', 'B', 1004, 1005]]);
  assert.equal(failed!.attempts[0]!.resource, 'sqs:sendMessage');
});

test('a redrive opens the failed state again', () => {
  const { visits, failed, redrives } = read({ StartAt: 'Last', States: { Last: NESTED.States.Last } }, [
    ...RETRIED,
    ['ExecutionRedriven', 7],
    ['TaskScheduled', 8, { resource: 'x' }],
    ['TaskSucceeded', 9],
    ['TaskStateExited', 10, { name: 'Last' }],
    ['ExecutionSucceeded', 11],
  ]);
  assert.equal(failed, undefined);
  assert.equal(visits[0]!.status, 'succeeded');
  assert.equal(visits[0]!.attempts.length, 3);
  assert.deepEqual(redrives, [1007]);
});

test('iterations are told apart, a caught error too, and the way back out is found', () => {
  const { visits, failed } = read(NESTED, [
    ['ExecutionStarted', 0],
    ['MapStateEntered', 1, { name: 'Each' }],
    ['MapStateStarted', 2, { length: 2 }],
    ['MapIterationStarted', 3, { name: 'Each', index: 0 }],
    ['TaskStateEntered', 4, { name: 'Work' }],
    ['MapIterationStarted', 3, { name: 'Each', index: 1 }],
    ['TaskStateEntered', 6, { name: 'Work' }],
    ['TaskScheduled', 5],
    ['TaskFailed', 8, { error: 'E' }],
    ['TaskStateExited', 9, { name: 'Work' }],
    ['PassStateEntered', 10, { name: 'Mend' }],
    ['PassStateExited', 11, { name: 'Mend' }],
    ['MapIterationSucceeded', 12, { name: 'Each', index: 0 }],
    ['TaskScheduled', 7],
    ['TaskSucceeded', 14],
    ['TaskStateExited', 15, { name: 'Work' }],
    ['MapIterationSucceeded', 16, { name: 'Each', index: 1 }],
    ['MapStateSucceeded', 17],
    ['MapStateExited', 18, { name: 'Each' }],
    ['TaskStateEntered', 19, { name: 'Last' }],
  ]);
  assert.equal(failed, undefined);
  assert.deepEqual(
    visits.map((visit) => [visit.name, visit.iterations.Each, visit.status]),
    [['Each', undefined, 'succeeded'], ['Work', 0, 'caught'], ['Work', 1, 'succeeded'], ['Mend', 0, 'succeeded'], ['Last', undefined, 'running']],
  );
  assert.equal(visits[3]!.from, 'Work');
  assert.ok(visits[3]!.caught);
  assert.equal(visits[4]!.from, 'Each');
  assert.ok(!visits[4]!.caught);
  assert.deepEqual(iterationsOf(visits, visits[0]!).map((each) => [each.index, each.status, each.shown.name]), [[0, 'caught', 'Work'], [1, 'succeeded', 'Work']]);
  const work = summarise(visits).get('Work')!;
  assert.deepEqual([work.counts.caught, work.counts.succeeded, work.status], [1, 1, 'caught']);
});

test('the failure inside of a Map is blamed, not the Map', () => {
  const { failed, visits } = read(NESTED, [
    ['ExecutionStarted', 0],
    ['MapStateEntered', 1, { name: 'Each' }],
    ['MapStateStarted', 2],
    ['MapIterationStarted', 3, { name: 'Each', index: 0 }],
    ['TaskStateEntered', 4, { name: 'Work' }],
    ['TaskScheduled', 5],
    ['TaskTimedOut', 6],
    ['MapIterationFailed', 7, { name: 'Each', index: 0 }],
    ['MapStateFailed', 8],
    ['ExecutionFailed', 9, { error: 'States.Timeout' }],
  ]);
  assert.equal(failed!.name, 'Work');
  assert.equal(failed!.error, 'States.Timeout');
  assert.equal(visits[0]!.status, 'failed');
});

const FAILING: [string, number, Record<string, unknown>?][] = [
  ['ExecutionStarted', 0],
  ['MapStateEntered', 1, { name: 'Each' }],
  ['MapStateStarted', 2],
  ['MapIterationStarted', 3, { name: 'Each', index: 0 }],
  ['MapIterationStarted', 3, { name: 'Each', index: 1 }],
  ['FailStateEntered', 4, { name: 'No' }],
  ['PassStateEntered', 5, { name: 'Yes' }],
  ['MapIterationFailed', 6, { name: 'Each', index: 0 }],
  ['MapIterationAborted', 7, { name: 'Each', index: 1 }],
  ['MapStateFailed', 8],
];
const BOXED = {
  StartAt: 'Each',
  States: {
    Each: { Type: 'Map', ItemProcessor: { StartAt: 'No', States: { No: { Type: 'Fail', Error: 'Sorry' }, Yes: { Type: 'Pass', End: true } } }, Catch: [{ ErrorEquals: ['States.ALL'], Next: 'After' }], Next: 'After' },
    After: { Type: 'Pass', End: true },
  },
};

test('a Map whose failure was caught is caught, its Fail state failed, the others aborted', () => {
  const { visits, failed } = read(BOXED, [...FAILING, ['MapStateExited', 10, { name: 'Each' }], ['PassStateEntered', 11, { name: 'After' }], ['PassStateExited', 12, { name: 'After' }], ['ExecutionSucceeded', 13]]);
  assert.equal(failed, undefined);
  assert.deepEqual(visits.map((visit) => [visit.name, visit.status, visit.error]), [['Each', 'caught', ''], ['No', 'failed', 'Sorry'], ['Yes', 'aborted', ''], ['After', 'succeeded', '']]);
  assert.ok(visits[3]!.caught);
});

test('a Fail state in a Map is to blame for the execution', () => {
  const { failed, visits } = read(BOXED, [...FAILING, ['ExecutionFailed', 10, { error: 'Sorry' }]]);
  assert.equal(failed!.name, 'No');
  assert.deepEqual(visits.map((visit) => visit.status), ['failed', 'failed', 'aborted']);
});

test('nothing is to blame when the history is full', () => {
  const { failed, visits } = read(BOXED, [['ExecutionStarted', 0], ['PassStateEntered', 1, { name: 'After' }], ['PassStateExited', 2, { name: 'After' }], ['ExecutionFailed', 3, { error: 'States.Runtime' }]]);
  assert.equal(failed, undefined);
  assert.equal(visits[0]!.status, 'succeeded');
});

test('a Fail state is to blame for itself; what was stopped is aborted', () => {
  const failing = read({ StartAt: 'No', States: { No: { Type: 'Fail' } } }, [['ExecutionStarted', 0], ['FailStateEntered', 1, { name: 'No' }], ['ExecutionFailed', 2, { error: 'X', cause: 'why' }]]);
  assert.deepEqual([failing.failed!.name, failing.failed!.error, failing.failed!.cause], ['No', 'X', 'why']);
  const stopped = read({ StartAt: 'W', States: { W: { Type: 'Wait' } } }, [['ExecutionStarted', 0], ['WaitStateEntered', 1, { name: 'W' }], ['ExecutionAborted', 2]]);
  assert.deepEqual([stopped.visits[0]!.status, stopped.failed], ['aborted', undefined]);
});

test('25,000 events are read in a moment, page by page', () => {
  const rows: [string, number, Record<string, unknown>?][] = [['ExecutionStarted', 0]];
  for (let i = 0; i < 12_000; ++i) rows.push(['PassStateEntered', rows.length, { name: 'P' }], ['PassStateExited', rows.length + 1, { name: 'P' }]);
  const reader = new HistoryReader(statesByName(containerOf({ StartAt: 'P', States: { P: { Type: 'Pass', Next: 'P' } } })));
  const events = historyOf(rows);
  const began = performance.now();
  for (let at = 0; at < events.length; at += 500) reader.take(events.slice(at, at + 500));
  assert.equal(reader.model().visits.length, 12_000);
  assert.equal(summarise(reader.visits).get('P')!.counts.succeeded, 12_000);
  assert.ok(performance.now() - began < 2000);
});
