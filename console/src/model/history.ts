// From the events of an execution to visits: one for each time that a state was entered, with an
// attempt for each time that its work was begun.
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html
import type { StateNode } from './definition';

export interface HistoryEvent {
  readonly id: number;
  readonly previousEventId: number;
  readonly timestamp: number; // Seconds since 1970.
  readonly type: string;
  readonly [details: string]: unknown;
}

export type Details = Readonly<Record<string, unknown>>;
export type Status = 'running' | 'succeeded' | 'caught' | 'failed' | 'aborted';

export interface Attempt {
  readonly scheduled: number; // Id of the event that began it.
  readonly began: number; // Seconds since 1970.
  ended?: number;
  status: Status;
  submitted?: number; // Id of the event that says the work was taken on, for .sync.
  last: number; // Id of its last event.
  error: string;
  cause: string;
  readonly resource: string; // "ecs:runTask.sync"
}

export interface Visit {
  readonly id: number; // Of the event that entered it.
  readonly name: string;
  readonly type: string;
  readonly from: string; // The state before it in the same container; empty: it is the first.
  readonly caught: boolean; // A Catch of that state led to it.
  readonly began: number;
  readonly iterations: Readonly<Record<string, number>>; // By the Map that it lies in.
  readonly attempts: Attempt[];
  readonly events: number[]; // Ids.
  ended?: number;
  exited?: number; // Id of the event that left it.
  status: Status;
  error: string;
  cause: string;
  broken: boolean; // Of a Map or Parallel: what is in it failed.
  mapRun: string; // ARN of a distributed Map's run.
}

interface Place {
  readonly visit: Visit | undefined;
  readonly iterations: Readonly<Record<string, number>>;
}

export interface Model {
  readonly visits: readonly Visit[];
  readonly failed: Visit | undefined; // The innermost state that made the execution fail.
  readonly redrives: readonly number[]; // Times.
}

const END_OF_EXECUTION = /^Execution(Succeeded|Failed|TimedOut|Aborted)$/;
const BEGINS = /^(Task|Activity|LambdaFunction)Scheduled$/;
const FAILS = /^(Task|Activity|LambdaFunction)(Failed|TimedOut|ScheduleFailed|StartFailed|SubmitFailed)$/;
const SUCCEEDS = /^(Task|Activity|LambdaFunction)Succeeded$/;

/** The one member that holds what is special to the type of event. */
export function detailsOf(event: HistoryEvent): Details {
  for (const [key, value] of Object.entries(event)) if (key.endsWith('Details') && value) return value as Details;
  return {};
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

export class HistoryReader {
  readonly visits: Visit[] = [];
  readonly redrives: number[] = [];
  failed: Visit | undefined;
  private readonly places = new Map<number, Place>();

  constructor(private readonly states: ReadonlyMap<string, StateNode>) {}

  /** Takes further events, in their order. */
  take(events: readonly HistoryEvent[]): void {
    for (const event of events) this.places.set(event.id, this.takeOne(event));
  }

  model(): Model {
    return { visits: [...this.visits], failed: this.failed, redrives: [...this.redrives] };
  }

  /** The state that an event belongs to. */
  visitOf(eventId: number): Visit | undefined {
    return this.places.get(eventId)?.visit;
  }

  private takeOne(event: HistoryEvent): Place {
    const before = this.places.get(event.previousEventId) ?? { visit: undefined, iterations: {} };
    const details = detailsOf(event);
    if (event.type.endsWith('StateEntered')) return this.enter(event, details, before);
    if (event.type === 'MapIterationStarted')
      return { ...before, iterations: { ...before.iterations, [text(details.name)]: Number(details.index) } };
    if (event.type === 'ExecutionRedriven') return this.redrive(event);
    if (END_OF_EXECUTION.test(event.type)) return this.end(event, details, before);
    let visit = before.visit;
    // The end of a branch or an iteration leads to what its Parallel or Map does next.
    if (/^(Parallel|Map)State/.test(event.type) || event.type === 'MapRunStarted') visit = this.ownerOf(event, details, before);
    if (!visit) return before;
    visit.events.push(event.id);
    this.advance(visit, event, details);
    return { visit, iterations: before.iterations };
  }

  private enter(event: HistoryEvent, details: Details, before: Place): Place {
    const name = text(details.name);
    const parents = this.states.get(name)?.parents ?? [];
    const led = before.visit && this.states.get(before.visit.name)?.parents.join('/') === parents.join('/') ? before.visit : undefined;
    const iterations = Object.fromEntries(Object.entries(before.iterations).filter(([map]) => parents.includes(map)));
    const visit: Visit = {
      id: event.id,
      name,
      type: event.type.replace('StateEntered', ''),
      from: led?.name ?? '',
      caught: led?.status === 'caught',
      began: event.timestamp,
      iterations,
      attempts: [],
      events: [event.id],
      status: 'running',
      error: '',
      cause: '',
      broken: false,
      mapRun: '',
    };
    this.visits.push(visit);
    if (event.type === 'FailStateEntered') {
      visit.error = text(this.states.get(name)?.source.Error);
      visit.cause = text(this.states.get(name)?.source.Cause);
      close(visit, event.timestamp, 'failed');
    }
    return { visit, iterations };
  }

  // Of an event of a Parallel or Map: the visit of the state that it names, or of the innermost
  // one around the state that led to it.
  private ownerOf(event: HistoryEvent, details: Details, before: Place): Visit | undefined {
    const kind = event.type.startsWith('Parallel') ? 'Parallel' : 'Map';
    const named = text(details.name);
    if (!named && before.visit?.type === kind && before.visit.status === 'running') return before.visit;
    const around = before.visit ? [...(this.states.get(before.visit.name)?.parents ?? []), before.visit.name] : [];
    return this.visits.findLast(
      (visit) => visit.type === kind && visit.status === 'running' && (named ? visit.name === named : around.includes(visit.name)),
    );
  }

  private advance(visit: Visit, event: HistoryEvent, details: Details): void {
    const attempt = visit.attempts.at(-1);
    if (attempt && attempt.ended === undefined) attempt.last = event.id;
    if (BEGINS.test(event.type)) {
      const service = text(details.resourceType);
      const resource = service ? `${service}:${text(details.resource)}` : text(details.resource);
      visit.attempts.push({ scheduled: event.id, last: event.id, began: event.timestamp, status: 'running', error: '', cause: '', resource });
    } else if (event.type === 'TaskSubmitted' && attempt) {
      attempt.submitted = event.id;
    } else if (FAILS.test(event.type)) {
      this.fail(visit, attempt, event, details);
    } else if (SUCCEEDS.test(event.type) && attempt) {
      attempt.status = 'succeeded';
      attempt.ended = event.timestamp;
    } else if (event.type.endsWith('StateExited')) {
      leave(visit, event);
    } else if (event.type.endsWith('StateAborted')) {
      close(visit, event.timestamp, 'aborted');
    } else if (/^(Parallel|Map)StateStarted$/.test(event.type)) {
      visit.broken = false; // Retried.
    } else if (/^(Parallel|Map)StateFailed$/.test(event.type)) {
      this.breakOff(visit, event);
    } else if (event.type === 'EvaluationFailed' || event.type === 'MapRunFailed') {
      visit.error = text(details.error) || visit.error;
      visit.cause = text(details.cause) || visit.cause;
    } else if (event.type === 'MapRunStarted') {
      visit.mapRun = text(details.mapRunArn);
    }
  }

  private fail(visit: Visit, attempt: Attempt | undefined, event: HistoryEvent, details: Details): void {
    visit.error = text(details.error) || (event.type.endsWith('TimedOut') ? 'States.Timeout' : '');
    visit.cause = text(details.cause);
    if (!attempt) return;
    Object.assign(attempt, { status: 'failed', ended: event.timestamp, error: visit.error, cause: visit.cause });
  }

  // A Map or Parallel that failed: its branches and iterations are over.
  private breakOff(box: Visit, event: HistoryEvent): void {
    box.broken = true;
    for (const visit of this.visits)
      if (visit.id > box.id && visit.ended === undefined && this.isAround(box, visit))
        close(visit, event.timestamp, visit.error || visit.broken ? 'failed' : 'aborted');
  }

  // The failed state in a box, or in a box in it; the box itself where none has failed.
  private innermost(box: Visit): Visit {
    const inner = this.visits.findLast((visit) => visit.id > box.id && visit.status === 'failed' && visit.exited === undefined && this.isAround(box, visit));
    return inner ? this.innermost(inner) : box;
  }

  private redrive(event: HistoryEvent): Place {
    this.redrives.push(event.timestamp);
    const visit = this.failed ?? this.visits.at(-1);
    this.failed = undefined;
    for (const each of this.visits)
      if (each.exited === undefined && (each === visit || visit === undefined || this.isAround(each, visit))) {
        each.status = 'running';
        delete each.ended;
      }
    return { visit, iterations: visit?.iterations ?? {} };
  }

  private isAround(outer: Visit, inner: Visit): boolean {
    return this.states.get(inner.name)?.parents.includes(outer.name) ?? false;
  }

  private end(event: HistoryEvent, details: Details, before: Place): Place {
    if (event.type === 'ExecutionSucceeded') return before;
    const failed = event.type === 'ExecutionFailed';
    const open = this.visits.filter((visit) => visit.ended === undefined);
    // What led to the end is to blame, unless that state was left: then it is the execution itself.
    const led = before.visit?.exited === undefined ? before.visit : open.findLast((visit) => visit.error !== '' || visit.broken);
    const blamed = failed && led ? this.innermost(led) : undefined;
    for (const visit of open) {
      const around = blamed !== undefined && (visit === blamed || this.isAround(visit, blamed));
      close(visit, event.timestamp, around || (event.type === 'ExecutionTimedOut' && visit === open.at(-1)) ? 'failed' : 'aborted');
    }
    if (blamed && !blamed.error) {
      blamed.error = text(details.error);
      blamed.cause = text(details.cause);
    }
    this.failed = blamed;
    return { visit: blamed ?? before.visit, iterations: before.iterations };
  }
}

function close(visit: Visit, at: number, status: Status): void {
  visit.status = status;
  visit.ended = at;
  const attempt = visit.attempts.at(-1);
  if (!attempt || attempt.ended !== undefined) return;
  attempt.status = status;
  attempt.ended = at;
}

function leave(visit: Visit, event: HistoryEvent): void {
  visit.exited = event.id;
  const caught = visit.broken || visit.attempts.at(-1)?.status === 'failed' || (visit.error !== '' && visit.attempts.length === 0);
  close(visit, event.timestamp, caught ? 'caught' : 'succeeded');
}

const RANK: Record<Status, number> = { failed: 4, running: 3, caught: 2, aborted: 1, succeeded: 0 };

export interface StateSummary {
  readonly status: Status;
  readonly counts: Readonly<Record<Status, number>>;
  readonly last: Visit;
  readonly shown: Visit; // The one that tells most: failed, else running, else the last.
}

/** Each state's visits taken together. Those that a later visit of the same place made up for count no more. */
export function summarise(visits: readonly Visit[]): Map<string, StateSummary> {
  const byName = new Map<string, Visit[]>();
  for (const visit of visits) {
    const all = byName.get(visit.name);
    if (all) all.push(visit);
    else byName.set(visit.name, [visit]);
  }
  return new Map(
    [...byName].map(([name, all]) => {
      const counts = { running: 0, succeeded: 0, caught: 0, failed: 0, aborted: 0 };
      for (const visit of all) ++counts[visit.status];
      const last = all[all.length - 1] as Visit;
      const shown = all.reduce((best, visit) => (RANK[visit.status] >= RANK[best.status] ? visit : best));
      const status = all.length > 1 && Object.keys(last.iterations).length === 0 ? last.status : shown.status;
      return [name, { status, counts, last, shown: status === last.status ? last : shown }];
    }),
  );
}

export interface Iteration {
  readonly index: number;
  readonly status: Status;
  readonly shown: Visit; // Of its states, the one that tells most.
}

/** The iterations of a Map's visit, in their order. */
export function iterationsOf(visits: readonly Visit[], map: Visit): Iteration[] {
  const until = map.ended ?? Infinity;
  const found = new Map<number, Visit[]>();
  for (const visit of visits) {
    const index = visit.iterations[map.name];
    const within = visit.id > map.id && visit.began <= until;
    const same = Object.entries(map.iterations).every(([name, outer]) => visit.iterations[name] === outer);
    if (index === undefined || !within || !same) continue;
    const all = found.get(index);
    if (all) all.push(visit);
    else found.set(index, [visit]);
  }
  return [...found]
    .sort(([a], [b]) => a - b)
    .map(([index, all]) => {
      const shown = all.reduce((best, visit) => (RANK[visit.status] >= RANK[best.status] ? visit : best));
      return { index, status: shown.status, shown };
    });
}
