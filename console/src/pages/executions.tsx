// The list of executions, newest first, page by page from the server.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { call } from '../api';
import { lastPart } from '../format';
import { t, type Text } from '../i18n';
import { nextSource, settled, withFirstPage, type Source } from '../model/merged';
import { causeWords } from '../model/task';
import { Empty, Pill, Problem, Time, Took } from '../parts/ui';
import { VirtualList } from '../parts/virtual';
import { place, setQuery, url } from '../router';
import { eachOf, listExecutions, listMachines, type Described, type Execution, type Machine } from '../states';
import { useReloadOn } from '../parts/reload';

const STATUSES = ['RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED', 'PENDING_REDRIVE'] as const;
const PAGE = 100;
const PAGES_AT_ONCE = 10; // While a filter of the page hides what comes.
const timeOf = (execution: Execution) => execution.startDate;

interface Of {
  readonly machine: Machine;
  readonly source: Source<Execution>;
}

async function readPage(of: Of, status: string): Promise<void> {
  const page = await listExecutions(of.machine.stateMachineArn, status, PAGE, of.source.token);
  of.source.items.push(...page.executions);
  of.source.token = page.nextToken;
  of.source.done = page.nextToken === undefined;
}

interface ListState {
  readonly machines: readonly Machine[];
  readonly all: readonly Of[];
  readonly version: number;
}

function useExecutions(machine: string, status: string) {
  const [state, setState] = useState<ListState | undefined>();
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const run = useRef(0);
  const load = async () => {
    const mine = ++run.current;
    try {
      const machines = await listMachines();
      const wanted = machines.filter((each) => each.type === 'STANDARD' && (!machine || each.name === machine));
      const all = wanted.map((each) => ({ machine: each, source: { items: [], token: undefined, done: false } as Source<Execution> }));
      await eachOf(all, 6, (of) => readPage(of, status));
      if (mine !== run.current) return;
      setState({ machines, all, version: mine });
      setError(undefined);
    } catch (failure) {
      if (mine === run.current) setError(failure);
    }
  };
  const more = async (enough: () => boolean) => {
    if (!state || busy) return;
    setBusy(true);
    try {
      for (let i = 0; i < PAGES_AT_ONCE; ++i) {
        const next = nextSource(state.all.map((of) => of.source), timeOf);
        const of = state.all.find((each) => each.source === next);
        if (!of) break;
        await readPage(of, status);
        if (enough()) break;
      }
      setState((now) => (now ? { ...now } : now));
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  };
  // The pages that were read are kept, so the list does not scroll.
  const refresh = async () => {
    if (!state || busy) return;
    try {
      await eachOf(state.all, 6, async ({ machine: each, source }) => {
        const page = await listExecutions(each.stateMachineArn, status, PAGE);
        source.items.splice(0, Infinity, ...withFirstPage(source.items, page.executions, page.nextToken === undefined, timeOf, (one) => one.executionArn));
      });
      setState((now) => (now ? { ...now } : now));
      setError(undefined);
    } catch (failure) {
      setError(failure);
    }
  };
  useEffect(() => void load(), [machine, status]);
  return { state, error, busy, load, more, refresh };
}

const ERRORS_MAX = 200; // Of the newest that failed: each costs a call.
const FAILED = new Set(['FAILED', 'TIMED_OUT', 'ABORTED']);
const errorKey = (execution: Execution) => `${execution.executionArn} ${execution.stopDate}`; // A redrive may fail otherwise.

/** Errors and causes of those that failed, as ListExecutions does not tell them. */
function useErrors(all: readonly Execution[]): ReadonlyMap<string, string> {
  const known = useRef(new Map<string, string>());
  const [version, redraw] = useState(0);
  useEffect(() => {
    const missing = all.filter((each) => FAILED.has(each.status)).slice(0, ERRORS_MAX).filter((each) => !known.current.has(errorKey(each)));
    if (missing.length === 0) return;
    void eachOf(missing, 6, async (each) => {
      const { error, cause } = await call<Described>('states', 'DescribeExecution', { executionArn: each.executionArn });
      known.current.set(errorKey(each), [error, cause && causeWords(cause)].filter(Boolean).join(': '));
    }).then(
      () => redraw((n) => n + 1),
      () => undefined, // The list is there without them.
    );
  }, [all]);
  return useMemo(() => new Map(known.current), [version, all]);
}

function Filters({ machines }: { machines: readonly Machine[] }) {
  const { query } = place.value;
  const set = (name: string) => (event: { currentTarget: { value: string } }) => setQuery({ [name]: event.currentTarget.value });
  return (
    <form class="filters" onSubmit={(event) => event.preventDefault()}>
      <select aria-label={t('machine')} value={query.get('machine') ?? ''} onChange={set('machine')}>
        <option value="">{t('All state machines')}</option>
        {machines.map((each) => (
          <option key={each.name} value={each.name}>
            {each.name}
          </option>
        ))}
      </select>
      <select aria-label={t('status')} value={query.get('status') ?? ''} onChange={set('status')}>
        <option value="">{t('All')}</option>
        {STATUSES.map((each) => (
          <option key={each} value={each}>
            {t(each as Text)}
          </option>
        ))}
      </select>
      <input type="search" data-search placeholder={`${t('Name or error contains')}  /`} aria-label={t('Name or error contains')} value={query.get('name') ?? ''} onInput={set('name')} />
      <label>
        <span class="faint">{t('Started after')} (UTC)</span>
        <input type="datetime-local" value={query.get('after') ?? ''} onChange={set('after')} />
      </label>
    </form>
  );
}

function Row({ execution, error }: { execution: Execution; error: string | undefined }) {
  return (
    <a data-row class="table-row" href={url(`executions/${execution.executionArn}`)}>
      <Pill status={execution.status} />
      <span class="cut">{lastPart(execution.stateMachineArn)}</span>
      <span class="cut faint">{execution.name}</span>
      <Time at={execution.startDate} />
      <Took from={execution.startDate} to={execution.stopDate} />
      <span class="cut faint" title={error}>
        {error}
      </span>
    </a>
  );
}

export function ExecutionsPage() {
  const { query } = place.value;
  const machine = query.get('machine') ?? '';
  const name = query.get('name') ?? '';
  const after = query.get('after') ? Date.parse(`${query.get('after')}Z`) / 1000 : -Infinity;
  const { state, error, busy, load, more, refresh } = useExecutions(machine, query.get('status') ?? '');
  const latest = useRef(refresh);
  latest.current = refresh;
  useReloadOn(['execution'], () => latest.current(), 1500);
  const every = useMemo(() => settled((state?.all ?? []).map((of) => of.source), timeOf), [state]);
  const errors = useErrors(every);
  const words = name.toLowerCase();
  const fits = (each: Execution) => each.startDate >= after && `${each.name} ${errors.get(errorKey(each)) ?? ''}`.toLowerCase().includes(words);
  const find = () => settled((state?.all ?? []).map((of) => of.source), timeOf).filter(fits);
  const shown = useMemo(() => every.filter(fits), [every, errors, words, after]);
  const open = (state?.all ?? []).some((of) => !of.source.done);
  const loadMore = () => void more(() => find().length > shown.length + PAGE / 2);
  const express = state?.machines.find((each) => each.name === machine)?.type === 'EXPRESS';
  return (
    <>
      <h1>{t('Executions')}</h1>
      <Filters machines={state?.machines ?? []} />
      {error !== undefined && <Problem error={error} retry={() => void load()} />}
      {!state && error === undefined && <Empty>{t('Loading…')}</Empty>}
      {state && shown.length === 0 && !open && (
        <Empty>
          {express ? t('Express machines keep no executions; their logs are in CloudWatch Logs.') : t('No execution matches.')}
          {!express && state.machines[0] && (
            <>
              {' '}
              {t('Start one:')} <code>kiban start {machine || state.machines[0].name} --follow</code>
            </>
          )}
        </Empty>
      )}
      {state && (shown.length > 0 || open) && (
        <>
          <div class="table executions">
            <div class="table-head" aria-hidden="true">
              <span>{t('status')}</span>
              <span>{t('machine')}</span>
              <span>{t('name')}</span>
              <span>{t('started')}</span>
              <span>{t('took')}</span>
              <span>{t('Error')}</span>
            </div>
            <VirtualList label={t('Executions')} count={shown.length} height={40} row={(i) => <Row execution={shown[i] as Execution} error={errors.get(errorKey(shown[i] as Execution))} />} onEnd={open ? loadMore : () => undefined} />
          </div>
          <p class="faint">
            {t('{n} executions', { n: `${shown.length}${open ? '+' : ''}` })}{' '}
            {open && (
              <button type="button" disabled={busy} onClick={loadMore}>
                {t('Load more')}
              </button>
            )}
          </p>
        </>
      )}
    </>
  );
}
