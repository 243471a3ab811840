import assert from 'node:assert/strict';
import test from 'node:test';
import { cdkFor, merged, policyFor, type Decision } from '../src/model/access';

const decision = (id: string, action: string, resource: string): Decision => ({ id, time: 1, principal: 'arn:aws:iam::0:role/r', action, resource, verdict: 'ImplicitlyDenied' });

test('the smallest policy: actions on the same resources are one statement', () => {
  const all = [decision('1', 'sqs:SendMessage', 'arn:q'), decision('2', 'sqs:GetQueueUrl', 'arn:q'), decision('3', 'sns:Publish', 'arn:t'), decision('4', 'sns:Publish', 'arn:t')];
  assert.deepEqual(policyFor(all).Statement, [
    { Effect: 'Allow', Action: ['sns:Publish'], Resource: ['arn:t'] },
    { Effect: 'Allow', Action: ['sqs:GetQueueUrl', 'sqs:SendMessage'], Resource: ['arn:q'] },
  ]);
  assert.equal(policyFor([decision('1', 'sts:GetCallerIdentity', '')]).Statement[0]!.Resource[0], '*');
  assert.match(cdkFor(all), /actions: \['sns:Publish'\],\n {2}resources: \['arn:t'\]/);
});

test('later decisions come first, none twice, and there is a bound', () => {
  const [a, b, c] = [decision('1', 'a:A', ''), decision('2', 'a:B', ''), decision('3', 'a:C', '')];
  assert.deepEqual(merged([a!], [a!, b!, c!], 10).map((each) => each.id), ['3', '2', '1']);
  assert.deepEqual(merged([b!, a!], [c!], 2).map((each) => each.id), ['3', '2']);
});
