// Behind what a history tells: the variables in scope of a visit, and each processing step of its
// input and output, which TestState works out from the same input and the same result.
import { useState } from 'preact/hooks';
import { call } from '../api';
import type { ExecutionStore } from '../execution';
import { t } from '../i18n';
import { detailsOf, type Attempt, type Visit } from '../model/history';
import { inScope } from '../model/scope';
import { Step, Steps } from './steps';
import { Problem } from './ui';

const VISITS_MAX = 60; // Whose assignments are read, the latest.

/** The variables that the visit could read, by the assignments before it. */
async function variablesOf(store: ExecutionStore, visit: Visit): Promise<Record<string, unknown>> {
  const before = inScope(store.model.value.visits, visit, store.states).slice(-VISITS_MAX);
  const variables: Record<string, unknown> = {};
  for (const each of before) {
    const exited = await store.payloadOf(each.exited as number);
    const assigned = (exited ? detailsOf(exited).assignedVariables : undefined) as Record<string, string> | undefined;
    for (const [name, value] of Object.entries(assigned ?? {})) variables[name] = JSON.parse(value);
  }
  return variables;
}

export function InScope({ store, visit }: { store: ExecutionStore; visit: Visit }) {
  const [variables, setVariables] = useState<Record<string, unknown> | undefined>();
  const [error, setError] = useState<unknown>();
  if (inScope(store.model.value.visits, visit, store.states).length === 0) return null;
  const read = () => {
    if (!variables) variablesOf(store, visit).then(setVariables, setError);
  };
  return (
    <details class="step" onToggle={read}>
      <summary>{t('Variables in scope')}</summary>
      {error !== undefined && <Problem error={error} />}
      {variables && <Step title={t('at the beginning of the state')} value={JSON.stringify(variables)} />}
    </details>
  );
}

const MOCKED = new Set(['Task', 'Map', 'Parallel']);

interface Props {
  readonly store: ExecutionStore;
  readonly visit: Visit;
  readonly attempt: Attempt | undefined;
  readonly input: string;
  readonly result: string | undefined;
}

/** The mock that stands for what the work came to; undefined: the state does no work. */
function mockOf({ visit, attempt, result }: Props): object | undefined {
  if (!MOCKED.has(visit.type)) return undefined;
  if (attempt && attempt.status !== 'succeeded') return { errorOutput: { error: attempt.error, cause: attempt.cause }, fieldValidationMode: 'NONE' };
  return { result: result ?? '{}', fieldValidationMode: 'NONE' };
}

export function EachStep(props: Props) {
  const { store, visit, input } = props;
  const [reply, setReply] = useState<Record<string, unknown> | undefined>();
  const [error, setError] = useState<unknown>();
  // The result of a Map or Parallel is in no event; a task that runs has none yet.
  if ((visit.type === 'Map' || visit.type === 'Parallel') || visit.status === 'running') return null;
  const work = async () => {
    try {
      const { definition } = await call<{ definition: string }>('states', 'DescribeStateMachineForExecution', { executionArn: store.arn });
      const mock = mockOf(props);
      const variables = await variablesOf(store, visit);
      setReply(
        await call('states', 'TestState', {
          definition,
          stateName: visit.name,
          input,
          inspectionLevel: 'DEBUG',
          ...(mock ? { mock, context: contextOf(props) } : {}),
          ...(Object.keys(variables).length > 0 ? { variables: JSON.stringify(variables) } : {}),
        }),
      );
      setError(undefined);
    } catch (failure) {
      setError(failure);
    }
  };
  return (
    <details
      class="step"
      onToggle={(event) => {
        if (event.currentTarget.open && !reply) void work();
      }}
    >
      <summary>{t('Each processing step')}</summary>
      <p class="faint">{t('Worked out anew by TestState from this input and this result: nothing is called.')}</p>
      {error !== undefined && <Problem error={error} />}
      {reply && <Steps reply={reply} source={store.states.get(visit.name)?.source} />}
    </details>
  );
}

function contextOf({ store, visit }: Props): string {
  const described = store.described.value;
  const time = (seconds: number) => new Date(seconds * 1000).toISOString();
  return JSON.stringify({
    Execution: {
      Id: store.arn,
      Input: JSON.parse(described?.input ?? '{}') as unknown,
      Name: described?.name,
      StartTime: time(described?.startDate ?? 0),
      RedriveCount: described?.redriveCount ?? 0,
    },
    State: { Name: visit.name, EnteredTime: time(visit.began) },
    StateMachine: { Id: described?.stateMachineArn, Name: described?.stateMachineArn.split(':').at(-1) },
  });
}
