// One visit of a state: how it ended, what went in and came out at each step, its ECS task.
import { useEffect, useState } from 'preact/hooks';
import type { ExecutionStore } from '../execution';
import { duration } from '../format';
import { t, type Text } from '../i18n';
import { detailsOf, type Attempt, type Visit } from '../model/history';
import { findTask } from '../model/task';
import { Iterations, MapRunPart, NestedExecution } from './children';
import { EachStep, InScope } from './inspect';
import { Step } from './steps';
import { TaskPart } from './task';
import { Code, Pill, Problem, Time, Took } from './ui';
import { Verdicts } from './verdicts';

interface Steps {
  readonly input?: string | undefined;
  readonly sent?: string | undefined;
  readonly submitted?: string | undefined;
  readonly result?: string | undefined;
  readonly output?: string | undefined;
  readonly variables?: string | undefined;
}

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

async function readSteps(store: ExecutionStore, visit: Visit, attempt: Attempt | undefined): Promise<Steps> {
  const read = async (id: number | undefined) => (id === undefined ? {} : detailsOf((await store.payloadOf(id)) ?? ({} as never)));
  const entered = await read(visit.id);
  const scheduled = await read(attempt?.scheduled);
  const submitted = await read(attempt?.submitted);
  const last = attempt?.status === 'succeeded' ? await read(attempt.last) : {};
  const exited = await read(visit.exited);
  const variables = exited.assignedVariables as Record<string, string> | undefined;
  return {
    input: text(entered.input),
    sent: text(scheduled.parameters) ?? text(scheduled.input),
    submitted: text(submitted.output),
    result: text(last.output),
    output: text(exited.output),
    variables: variables && Object.keys(variables).length > 0 ? JSON.stringify(Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, JSON.parse(value)]))) : undefined,
  };
}

// What of the definition shapes each step: JSONPath's fields, and JSONata's.
const SHAPES: Record<string, readonly string[]> = {
  sent: ['InputPath', 'Parameters', 'Arguments'],
  output: ['ResultSelector', 'ResultPath', 'OutputPath', 'Output'],
  variables: ['Assign'],
};

export function Failure({ error, cause }: { error: string; cause: string }) {
  if (!error && !cause) return null;
  return (
    <div class="failure" role="group" aria-label={t('Error')}>
      <strong>{error}</strong>
      {cause && (findTask(cause) ? <details><summary>{t('Cause')}</summary><Code text={cause} /></details> : <Code text={cause} />)}
    </div>
  );
}

/** Each attempt: when, how long it waited before, how it ended. One is chosen. */
function Attempts({ visit, chosen, choose }: { visit: Visit; chosen: number; choose: (n: number) => void }) {
  if (visit.attempts.length < 2) return null;
  return (
    <table class="attempts">
      <caption class="unseen">{t('Attempts')}</caption>
      <tbody>
        {visit.attempts.map((attempt, i) => {
          const before = visit.attempts[i - 1]?.ended;
          return (
            <tr key={i} class={i === chosen ? 'selected' : ''}>
              <td>
                <button type="button" class="quiet" aria-pressed={i === chosen} onClick={() => choose(i)}>
                  <span class={`mark ${attempt.status}`} aria-hidden="true" /> {t('Attempt {n}', { n: i + 1 })}
                </button>
              </td>
              <td class="faint">{before === undefined ? '' : t('after a wait of {time}', { time: duration(attempt.began - before) })}</td>
              <td>
                <Took from={attempt.began} to={attempt.ended} />
              </td>
              <td class={attempt.error ? 'bad' : ''}>{attempt.error || t(attempt.status as Text)}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

const VISITS_AROUND = 100; // Choices before and behind the one that is shown.

function Visits({ all, visit, onVisit }: { all: readonly Visit[]; visit: Visit; onVisit: (visit: Visit) => void }) {
  if (all.length < 2) return null;
  const first = Math.max(0, all.indexOf(visit) - VISITS_AROUND);
  const label = (each: Visit, i: number) => {
    const iterations = Object.values(each.iterations).map((index) => t('iteration {n}', { n: index }));
    return `${i + 1}/${all.length} ${iterations.join(' ')} · ${t(each.status as Text)}`;
  };
  return (
    <select aria-label={t('Visit')} value={visit.id} onChange={(event) => onVisit(all.find((each) => each.id === Number(event.currentTarget.value)) as Visit)}>
      {all.slice(first, first + 2 * VISITS_AROUND).map((each, i) => (
        <option key={each.id} value={each.id}>
          {label(each, first + i)}
        </option>
      ))}
    </select>
  );
}

interface Props {
  readonly store: ExecutionStore;
  readonly visit: Visit;
  readonly version: number; // Of the history: payloads are read again when it grew.
  readonly onVisit: (visit: Visit) => void;
}

export function Detail({ store, visit, version, onVisit }: Props) {
  const [chosen, setChosen] = useState<number | undefined>();
  const [steps, setSteps] = useState<Steps>({});
  const [error, setError] = useState<unknown>();
  const number = chosen ?? visit.attempts.length - 1;
  const attempt = visit.attempts[number];
  useEffect(() => setChosen(undefined), [visit.id]);
  useEffect(() => {
    let current = true;
    readSteps(store, visit, attempt).then(
      (read) => {
        if (!current) return;
        setSteps(read);
        setError(undefined);
      },
      (failure: unknown) => current && setError(failure),
    );
    return () => void (current = false);
  }, [visit.id, number, visit.exited, attempt?.status, attempt?.submitted, visit.events.length === 1 ? version : 0]);
  const node = store.states.get(visit.name);
  const found = findTask(attempt?.cause) ?? findTask(steps.result) ?? findTask(steps.submitted);
  const shown = attempt?.status === 'failed' ? attempt : visit;
  return (
    <div class="detail">
      <header>
        <h2>{visit.name}</h2>
        <Pill status={visit.status} />
        <span class="faint">{visit.type}</span>
        <Visits all={store.model.value.visits.filter((each) => each.name === visit.name)} visit={visit} onVisit={onVisit} />
      </header>
      <p class="faint">
        <Time at={visit.began} /> · {t('took')} <Took from={visit.began} to={visit.ended} />
        {attempt?.resource && <> · {attempt.resource}</>}
      </p>
      <Attempts visit={visit} chosen={number} choose={setChosen} />
      <Failure error={shown.error} cause={shown.cause} />
      {error !== undefined && <Problem error={error} />}
      {found && <TaskPart key={found.arn} found={found} />}
      {visit.type === 'Map' && <Iterations visits={store.model.value.visits} map={visit} onVisit={onVisit} />}
      {visit.mapRun && <MapRunPart key={visit.mapRun} arn={visit.mapRun} />}
      {attempt?.resource.startsWith('states:') && <NestedExecution payloads={[steps.submitted, steps.result, attempt.cause]} />}
      {/AccessDenied|NotAuthorized|not authorized/i.test(`${shown.error} ${shown.cause}`) && <Verdicts execution={store.arn} />}
      <Step title={t('State input')} value={steps.input} />
      <Step title={t('Sent to {resource}', { resource: attempt?.resource ?? '' })} value={steps.sent} before={steps.input} shapes={SHAPES.sent} source={node?.source} />
      <Step title={t('Result')} value={steps.result} />
      <Step title={t('Variables assigned')} value={steps.variables} shapes={SHAPES.variables} source={node?.source} />
      <Step title={t('State output')} value={steps.output} before={steps.input} shapes={SHAPES.output} source={node?.source} />
      {node && <InScope key={`scope-${visit.id}`} store={store} visit={visit} />}
      {node && steps.input !== undefined && <EachStep key={`${visit.id}-${number}`} store={store} visit={visit} attempt={attempt} input={steps.input} result={steps.result} />}
      {node && (
        <details class="step">
          <summary>{t('Definition')}</summary>
          <Code text={JSON.stringify(node.source)} />
        </details>
      )}
    </div>
  );
}
