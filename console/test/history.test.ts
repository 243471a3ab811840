import assert from 'node:assert/strict';
import test from 'node:test';
import { containerOf, statesByName } from '../src/model/definition';
import { HistoryReader, summarise, type HistoryEvent } from '../src/model/history';

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
