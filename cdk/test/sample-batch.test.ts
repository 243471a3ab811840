import { build, definition, stacksOf, withOrchestration } from './support';
import { Json, Run, TaskOutcome, run } from './workflow';
import { stages } from '../lib/config/env-config';

const file = 'sample-batch.asl.json';
const dev = definition(stacksOf('dev').orchestration, 'samplebatch', file);
const prod = definition(stacksOf('prod').orchestration, 'samplebatch', file);

const scheduled = {
  scheduledTime: '2026-01-04T17:00:00Z',
  environment: 'dev',
  jobName: 'sample-batch',
};

// The shapes of a task that stopped, as AWS hands it to `.sync`: as output, or as a cause in JSON.
const stopped = (stopCode: string, more: Json) => ({
  TaskArn: 'arn:aws:ecs:ap-northeast-1:000000000000:task/dev-cluster/1',
  LastStatus: 'STOPPED',
  StopCode: stopCode,
  ...more,
});
const succeeds: TaskOutcome = {
  output: stopped('EssentialContainerExited', { Containers: [{ Name: 'api', ExitCode: 0 }] }),
};
const cannotPull: TaskOutcome = {
  error: 'States.TaskFailed',
  cause: JSON.stringify(
    stopped('TaskFailedToStart', {
      StoppedReason: 'CannotPullContainerError: not found',
      Containers: [{ Name: 'api' }],
    }),
  ),
};
const exitsWithOne: TaskOutcome = {
  error: 'States.TaskFailed',
  cause: JSON.stringify(
    stopped('EssentialContainerExited', { Containers: [{ Name: 'api', ExitCode: 1 }] }),
  ),
};
const refused = (error: string): TaskOutcome => ({ error, cause: 'Capacity is unavailable (…)' });

interface Observed extends Run {
  readonly launches: readonly Json[];
  readonly notices: readonly Json[];
}

/** Runs with one outcome for each launch, the last for all that follow. */
function observe(
  machine: Json,
  outcomes: readonly TaskOutcome[],
  input: Json = scheduled,
): Observed {
  const launches: Json[] = [];
  const notices: Json[] = [];
  const result = run(machine, input, (resource, parameters) => {
    if (resource === 'arn:aws:states:::ecs:runTask.sync') {
      launches.push(parameters);
      return outcomes[Math.min(launches.length, outcomes.length) - 1] as TaskOutcome;
    }
    if (resource === 'arn:aws:states:::sns:publish') {
      notices.push(parameters);
      return { output: { MessageId: '1' } };
    }
    throw new Error(`Nobody expects ${resource}`);
  });
  return { ...result, launches, notices };
}

const commandOf = (launch: Json) => launch.Overrides.ContainerOverrides[0].Command;

describe('a batch that works', () => {
  test('runs once and reports nothing', () => {
    const seen = observe(dev, [succeeds]);
    expect(seen).toMatchObject({ status: 'SUCCEEDED', notices: [], pauses: [] });
    expect(seen.launches).toHaveLength(1);
  });

  test("runs on the API's task definition and container, without a public address", () => {
    expect(observe(dev, [succeeds]).launches[0]).toMatchObject({
      Cluster: expect.stringContaining('dev-ComputeStack'),
      TaskDefinition: 'dev-api',
      LaunchType: 'FARGATE',
      NetworkConfiguration: {
        AwsvpcConfiguration: {
          Subnets: [expect.any(String), expect.any(String)],
          SecurityGroups: [expect.any(String)],
          AssignPublicIp: 'DISABLED',
        },
      },
      Overrides: { ContainerOverrides: [{ Name: 'api' }] },
    });
  });

  test('is given the scheduled time and the job name of the rule', () => {
    expect(commandOf(observe(dev, [succeeds]).launches[0])).toEqual(
      'python -m batch.sample_batch --scheduled-at 2026-01-04T17:00:00Z --job-name sample-batch'.split(
        ' ',
      ),
    );
  });

  test('started by hand without a time, uses the start of the execution, on every launch', () => {
    const seen = observe(dev, [cannotPull, succeeds], {});
    expect(seen.launches).toHaveLength(2);
    for (const launch of seen.launches) {
      expect(commandOf(launch)).toEqual(
        'python -m batch.sample_batch --scheduled-at 2026-01-05T09:00:00.000Z --job-name sample-batch'.split(
          ' ',
        ),
      );
    }
  });

  test('takes more arguments from a start by hand', () => {
    const seen = observe(dev, [succeeds], { ...scheduled, arguments: ['--dry-run'] });
    expect(commandOf(seen.launches[0]).slice(-3)).toEqual([
      '--job-name',
      'sample-batch',
      '--dry-run',
    ]);
  });
});

describe('a launch that fails', () => {
  // Each row: what the launches do. All kinds count together.
  test.each([
    ['refused twice', [refused('ECS.ServerException'), refused('ECS.ClientException'), succeeds]],
    ['not pulled twice', [cannotPull, cannotPull, succeeds]],
    ['three times, mixed', [cannotPull, refused('ECS.AmazonECSException'), cannotPull, succeeds]],
  ])('%s: is launched again until it works', (_, outcomes) => {
    const seen = observe(dev, outcomes);
    expect(seen).toMatchObject({ status: 'SUCCEEDED', notices: [] });
    expect(seen.launches).toHaveLength(outcomes.length);
  });

  test.each([
    ['refused', [refused('ECS.ServerException')], 'ECS.ServerException'],
    ['not pulled', [cannotPull], 'LaunchFailed'],
    [
      'mixed',
      [refused('ECS.ServerException'), refused('ECS.ServerException'), cannotPull, cannotPull],
      'LaunchFailed',
    ],
    [
      'mixed the other way',
      [cannotPull, cannotPull, cannotPull, refused('ECS.ServerException')],
      'ECS.ServerException',
    ],
  ])('%s for ever: is launched 3 times more, never a fourth, and fails', (_, outcomes, error) => {
    const seen = observe(dev, outcomes);
    expect(seen.launches).toHaveLength(4);
    expect(seen).toMatchObject({ status: 'FAILED', failure: { error } });
    expect(seen.notices).toHaveLength(1);
  });

  test('waits longer each time', () => {
    expect(observe(dev, [cannotPull]).pauses).toEqual([2, 4, 8]);
    expect(observe(prod, [cannotPull]).pauses).toEqual([10, 20, 40]);
  });

  test.each([
    'ECS.AccessDeniedException',
    'ECS.InvalidParameterException',
    'ECS.ClusterNotFoundException',
    'States.Timeout',
    'States.Runtime',
  ])('by %s, which no repetition cures, is not launched again', (error) => {
    const seen = observe(dev, [refused(error)]);
    expect(seen.launches).toHaveLength(1);
    expect(seen).toMatchObject({ status: 'FAILED', failure: { error } });
  });
});

describe('a batch that ran and failed', () => {
  test('is not run again, and the execution fails with what ECS reported', () => {
    const seen = observe(dev, [exitsWithOne]);
    expect(seen.launches).toHaveLength(1);
    expect(seen).toMatchObject({ status: 'FAILED', failure: { error: 'BatchFailed' } });
    expect(JSON.parse(seen.failure?.cause ?? '')).toMatchObject({ Containers: [{ ExitCode: 1 }] });
  });

  test('is run again where configured', () => {
    const retries = { ...stages.dev.orchestration.retries, batchRetriesMax: 1 };
    const { orchestration } = build(withOrchestration('dev', { retries }));
    const seen = observe(definition(orchestration, 'samplebatch', file), [exitsWithOne]);
    expect(seen.launches).toHaveLength(2);
    expect(seen.pauses).toEqual([60]);
  });

  test('is told once: what failed, the execution, the cause, where to look', () => {
    const { notices } = observe(dev, [exitsWithOne]);
    expect(notices).toEqual([
      {
        TopicArn: expect.stringContaining('dev-MonitoringStack'),
        Subject: '[dev] dev-sample-batch failed',
        Message: {
          workflow: 'dev-sample-batch',
          environment: 'dev',
          jobName: 'sample-batch',
          scheduledTime: '2026-01-04T17:00:00Z',
          executionArn: expect.stringMatching(/^arn:aws:states:.*:execution:/),
          error: 'BatchFailed',
          cause: expect.stringContaining('"ExitCode":1'),
          whereToLook: {
            batchLogGroup: expect.stringContaining('dev-ComputeStack'),
            executionLogGroup: '/aws/vendedlogs/states/dev-sample-batch',
            executionConsole: expect.stringMatching(/^https:.*ap-northeast-1.*arn:aws:states/),
          },
        },
      },
    ]);
  });

  test('fails as itself even when it cannot be told', () => {
    const result = run(dev, scheduled, (resource) =>
      resource.endsWith('sns:publish') ? refused('SNS.AuthorizationErrorException') : exitsWithOne,
    );
    expect(result).toMatchObject({ status: 'FAILED', failure: { error: 'BatchFailed' } });
  });

  test('is judged by its exit code', () => {
    const odd = stopped('EssentialContainerExited', { Containers: [{ Name: 'api', ExitCode: 3 }] });
    expect(observe(dev, [{ output: odd }])).toMatchObject({
      status: 'FAILED',
      failure: { error: 'BatchFailed', cause: expect.stringContaining('exit code 3') },
    });
  });

  test('with a cause cut short, which is no JSON any more, still fails as what it was', () => {
    const cut: TaskOutcome = { error: 'States.TaskFailed', cause: '{"StopCode":"TaskFailedTo' };
    const seen = observe(dev, [cut]);
    expect(seen.launches).toHaveLength(1);
    expect(seen).toMatchObject({ status: 'FAILED', failure: { error: 'States.TaskFailed' } });
  });
});

describe('the definition', () => {
  const retriersOf = (machine: Json) => machine.States.RunBatch.Retry;

  test('repeats named errors only', () => {
    for (const machine of [dev, prod]) {
      expect(JSON.stringify(retriersOf(machine))).not.toMatch(/States\./);
      expect(JSON.stringify(machine).match(/"Retry"/g)).toHaveLength(2); // RunBatch, NotifyFailure
    }
  });

  test('counts every failed launch in one retrier, with backoff and jitter', () => {
    expect(retriersOf(dev)[0]).toEqual({
      ErrorEquals: [
        'LaunchFailed',
        'ECS.ClientException',
        'ECS.ServerException',
        'ECS.ThrottlingException',
        'ECS.LimitExceededException',
        'ECS.AmazonECSException',
        'ECS.SdkClientException',
      ],
      IntervalSeconds: 2,
      BackoffRate: 2,
      MaxAttempts: 3,
      MaxDelaySeconds: 30,
      JitterStrategy: 'FULL',
    });
    expect(retriersOf(prod)[0]).toMatchObject({
      IntervalSeconds: 10,
      MaxAttempts: 3,
      JitterStrategy: 'FULL',
    });
  });

  test('takes its timeouts from the configuration', () => {
    const taskOf = (machine: Json) => machine.States.RunBatch.Branches[0].States.RunTask;
    expect([dev.TimeoutSeconds, taskOf(dev).TimeoutSeconds]).toEqual([1800, 900]);
    expect([prod.TimeoutSeconds, taskOf(prod).TimeoutSeconds]).toEqual([7200, 3600]);
  });
});
