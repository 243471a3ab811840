import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import aslValidator from 'asl-validator';
import { stages } from '../lib/config/env-config';
import { bothStages, definition, stacksOf } from './support';

const problemsOf = (machine: object) => aslValidator(machine).errors;

describe.each(bothStages)('%s', (stage) => {
  test.each(stages[stage].orchestration.workflows)('$definitionFile is valid', (workflow) => {
    const prefix = workflow.name.replace('-', '');
    const machine = definition(stacksOf(stage).orchestration, prefix, workflow.definitionFile);
    expect(problemsOf(machine)).toEqual([]);
  });
});

test('an invalid definition would be noticed', () => {
  const machine = definition(stacksOf('dev').orchestration, 'samplebatch', 'sample-batch.asl.json');
  machine.States.RunBatch.Next = 'Nowhere';
  expect(problemsOf(machine)).not.toEqual([]);
});

test('every definition file belongs to a workflow', () => {
  const files = readdirSync(join(__dirname, '..', 'lib', 'workflows'));
  expect(files.sort()).toEqual(
    stages.dev.orchestration.workflows.map((workflow) => workflow.definitionFile).sort(),
  );
});
