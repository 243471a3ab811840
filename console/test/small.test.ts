import assert from 'node:assert/strict';
import test from 'node:test';
import { nextSource, settled, withFirstPage, type Source } from '../src/model/merged';
import { parseEvents } from '../src/model/stream';
import { causeWords, findTask } from '../src/model/task';

test('server-sent events: changes, ids, resets', () => {
  const read = parseEvents('retry: 250\n\nid: e-3\nevent: change\ndata: {"kind":"execution","region":"r","id":"m/a: b"}\n\nid: e-4\nevent: reset\ndata: {}\n\n');
  assert.deepEqual(read, { changes: [{ kind: 'execution', region: 'r', id: 'm/a: b' }, { kind: 'reset', region: '', id: '' }], lastId: 'e-4', retry: 250 });
  assert.deepEqual(parseEvents('').changes, []);
});

test('lists are merged only as far as no page can come between', () => {
  const source = (items: number[], done = false): Source<number> => ({ items, token: undefined, done });
  const time = (n: number) => n;
  const [a, b] = [source([9, 5]), source([8, 7])];
  assert.deepEqual(settled([a, b], time), [9, 8, 7]);
  assert.equal(nextSource([a, b], time), b);
  assert.deepEqual(settled([a, source([8, 7], true)], time), [9, 8, 7, 5]);
  assert.equal(nextSource([source([1], true)], time), undefined);
});

test('a first page that is read anew keeps what was read behind it', () => {
  const join = (known: number[], page: number[], whole: boolean) => withFirstPage(known, page, whole, (n) => n, String);
  assert.deepEqual(join([9, 8, 7, 6, 5], [10, 9, 7], false), [10, 9, 7, 6, 5]);
  assert.deepEqual(join([9, 8], [9], true), [9]);
  assert.deepEqual(join([], [3, 2], false), [3, 2]);
});

test('an ECS task is found in what names one', () => {
  const task = { TaskArn: 'arn:aws:ecs:r:0:task/c/1', ClusterArn: 'arn:c', TaskDefinitionArn: 'arn:d', Containers: [{ Name: 'app', ExitCode: 3, Reason: 'bad' }], StoppedReason: 'Essential container in task exited' };
  const found = findTask(JSON.stringify(task))!;
  assert.deepEqual(found.containers, [{ name: 'app', lastStatus: '', exitCode: 3, reason: 'bad' }]);
  assert.equal(found.stoppedReason, task.StoppedReason);
  assert.equal(causeWords(JSON.stringify(task)), 'container app exited with 3: bad · Essential container in task exited');
  assert.equal(causeWords('no such queue'), 'no such queue');
  assert.equal(findTask(JSON.stringify({ Tasks: [task] }))!.arn, task.TaskArn);
  assert.equal(findTask(JSON.stringify({ tasks: [{ taskArn: task.TaskArn }] }))!.containers.length, 0);
  for (const other of [undefined, '', 'text', '[]', '{}', 'null', '{"TaskArn": "arn:aws:sqs:r:0:q"}']) assert.equal(findTask(other), undefined);
});
