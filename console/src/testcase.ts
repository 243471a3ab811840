// An execution as a case of `kiban asl test`: its definition, its input, what its tasks answered,
// and what came of it.
import { call } from './api';
import type { ExecutionStore } from './execution';
import { detailsOf, type Attempt, type Visit } from './model/history';
import type { Described } from './states';

const VISITS_MAX = 500; // Whose answers are read.

type Answer = { Return: unknown } | { Throw: { Error: string; Cause: string } };

const parsed = (text: unknown): unknown => {
  try {
    return JSON.parse(String(text));
  } catch {
    return String(text);
  }
};

async function answerOf(store: ExecutionStore, attempt: Attempt): Promise<Answer | undefined> {
  if (attempt.status === 'failed' || attempt.status === 'caught') return { Throw: { Error: attempt.error, Cause: attempt.cause } };
  if (attempt.status !== 'succeeded') return undefined;
  const last = await store.payloadOf(attempt.last);
  return last && { Return: parsed(detailsOf(last).output) };
}

async function answersOf(store: ExecutionStore, visits: readonly Visit[]): Promise<Record<string, Answer | Answer[]>> {
  const mocks: Record<string, Answer[]> = {};
  for (const visit of visits.slice(0, VISITS_MAX))
    for (const attempt of visit.attempts) {
      const answer = await answerOf(store, attempt);
      if (answer) (mocks[visit.name] ??= []).push(answer);
    }
  return Object.fromEntries(Object.entries(mocks).map(([name, all]) => [name, all.length === 1 ? (all[0] as Answer) : all]));
}

/** The text of a case.json: docs/asl.md. */
export async function testCase(store: ExecutionStore, described: Described): Promise<string> {
  const { definition } = await call<{ definition: string }>('states', 'DescribeStateMachineForExecution', { executionArn: described.executionArn });
  const visits = store.model.value.visits;
  const expect: Record<string, unknown> = { status: described.status };
  // States of a Map or Parallel are entered in an order that a test does not promise.
  if (visits.every((visit) => Object.keys(visit.iterations).length === 0 && store.states.get(visit.name)?.parents.length === 0)) expect.path = visits.map((visit) => visit.name);
  if (described.output !== undefined) expect.output = parsed(described.output);
  if (described.error !== undefined) expect.error = described.error;
  const made = {
    source: `The execution ${described.name}.`,
    definition: JSON.parse(definition) as unknown,
    input: parsed(described.input ?? '{}'),
    mocks: await answersOf(store, visits),
    expect,
  };
  return `${JSON.stringify(made, null, 2)}\n`;
}
