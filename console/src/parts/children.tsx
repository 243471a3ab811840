// What a state is made of: the iterations of a Map, the children of a Map run, a nested execution.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { call } from '../api';
import { t, type Text } from '../i18n';
import { iterationsOf, type Iteration, type Visit } from '../model/history';
import { useReloadOn } from './reload';
import { url } from '../router';
import type { Execution, ExecutionsPageReply } from '../states';
import { Empty, Pill, Problem, statusClass, Took, useLoaded } from './ui';
import { VirtualList } from './virtual';

const SQUARE = 19; // Pixels, with the gap.
const CHILDREN_PAGE = 100;
const STATUSES = ['failed', 'running', 'caught', 'aborted', 'succeeded'] as const;

interface SquaresProps {
  readonly shown: readonly Iteration[];
  readonly from: number;
  readonly to: number;
  readonly onVisit: (visit: Visit) => void;
}

/** A line of squares, drawn again only when what it shows has changed. */
function Squares({ shown, from, to, onVisit }: SquaresProps) {
  const choose = useRef(onVisit);
  choose.current = onVisit;
  return useMemo(
    () => (
      <div class="squares">
        {shown.slice(from, to).map((each) => (
          <button
            key={each.index}
            type="button"
            class={each.status}
            aria-label={`${t('iteration {n}', { n: each.index })}, ${t(each.status as Text)}`}
            title={`#${each.index} ${each.shown.name} · ${t(each.status as Text)}`}
            onClick={() => choose.current(each.shown)}
          />
        ))}
      </div>
    ),
    [shown, from, to],
  );
}

/** One square for each iteration, which leads to the state that tells most; those in view alone are there. */
export function Iterations({ visits, map, onVisit }: { visits: readonly Visit[]; map: Visit; onVisit: (visit: Visit) => void }) {
  const [status, setStatus] = useState('');
  const frame = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(600);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(entry?.contentRect.width ?? 600));
    if (frame.current) observer.observe(frame.current);
    return () => observer.disconnect();
  }, []);
  const all = useMemo(() => iterationsOf(visits, map), [visits, map]);
  const shown = useMemo(() => (status === '' ? all : all.filter((each) => each.status === status)), [all, status]);
  const across = Math.max(1, Math.floor((width - 16) / SQUARE));
  const row = (line: number) => <Squares shown={shown} from={line * across} to={(line + 1) * across} onVisit={onVisit} />;
  return (
    <section aria-label={t('Iterations')} ref={frame} class={all.length === 0 ? 'unseen' : ''}>
      <h3>
        {t('Iterations')} <span class="faint">{all.length}</span>
      </h3>
      <p class="tools">
        {STATUSES.map((each) => [each, all.filter((one) => one.status === each).length] as const)
          .filter(([, count]) => count > 0)
          .map(([each, count]) => (
            <button key={each} type="button" class="quiet" aria-pressed={status === each} onClick={() => setStatus(status === each ? '' : each)}>
              <span class={`mark ${each}`} aria-hidden="true" /> {t(each as Text)} {count}
            </button>
          ))}
      </p>
      <div class="strip">
        <VirtualList label={t('Iterations')} count={Math.ceil(shown.length / across)} height={SQUARE} row={row} spare={2} />
      </div>
    </section>
  );
}

interface MapRun {
  readonly status: string;
  readonly itemCounts: Readonly<Record<string, number>>;
}

const COUNTED: readonly (readonly [string, string])[] = [
  ['failed', 'FAILED'],
  ['running', 'RUNNING'],
  ['pending', ''],
  ['timedOut', 'TIMED_OUT'],
  ['aborted', 'ABORTED'],
  ['succeeded', 'SUCCEEDED'],
];

/** Children of a Map run by status, a page at a time. */
function Children({ arn, status }: { arn: string; status: string }) {
  const [found, setFound] = useState<ExecutionsPageReply | undefined>();
  const [error, setError] = useState<unknown>();
  const read = async (after?: ExecutionsPageReply) => {
    try {
      const page = await call<ExecutionsPageReply>('states', 'ListExecutions', {
        mapRunArn: arn,
        maxResults: CHILDREN_PAGE,
        ...(status ? { statusFilter: status } : {}),
        ...(after?.nextToken ? { nextToken: after.nextToken } : {}),
      });
      setFound(after ? { ...page, executions: [...after.executions, ...page.executions] } : page);
      setError(undefined);
    } catch (failure) {
      setError(failure);
    }
  };
  useEffect(() => void read(), [arn, status]);
  useReloadOn(['execution'], async () => (found && found.executions.length > CHILDREN_PAGE ? undefined : read()), 2000);
  if (error !== undefined) return <Problem error={error} retry={() => void read()} />;
  if (!found) return <Empty>{t('Loading…')}</Empty>;
  const row = (i: number) => {
    const child = found.executions[i] as Execution;
    return (
      <a data-row class="child-row" href={url(`executions/${child.executionArn}`)}>
        <Pill status={child.status} />
        <span class="cut">{child.name}</span>
        <Took from={child.startDate} to={child.stopDate} />
      </a>
    );
  };
  return (
    <>
      <VirtualList label={t('Children')} count={found.executions.length} height={32} row={row} onEnd={() => found.nextToken && void read(found)} />
      <p class="faint">{t('{n} executions', { n: `${found.executions.length}${found.nextToken ? '+' : ''}` })}</p>
    </>
  );
}

/** Of a distributed Map: how many items came to what, and its children. */
export function MapRunPart({ arn }: { arn: string }) {
  const [status, setStatus] = useState<string | undefined>();
  const loaded = useLoaded(() => call<MapRun>('states', 'DescribeMapRun', { mapRunArn: arn }), [arn]);
  useReloadOn(['execution'], loaded.reload, 1500);
  const run = loaded.value.value;
  if (loaded.error.value !== undefined) return <Problem error={loaded.error.value} retry={() => void loaded.reload()} />;
  if (!run) return null;
  const counts = COUNTED.map(([name, filter]) => [name, filter, run.itemCounts[name] ?? 0] as const).filter(([, , count]) => count > 0);
  const chosen = status ?? counts.find(([, filter]) => filter !== '')?.[1] ?? '';
  const total = Math.max(1, run.itemCounts.total ?? 0);
  return (
    <section aria-label={t('Map run')} class="map-run">
      <h3>
        {t('Map run')} <Pill status={run.status} /> <span class="faint">{t('{n} items', { n: run.itemCounts.total ?? 0 })}</span>
      </h3>
      <div class="share" role="img" aria-label={counts.map(([name, , count]) => `${name} ${count}`).join(', ')}>
        {counts.map(([name, filter, count]) => (
          <span key={name} class={statusClass(filter || 'PENDING')} style={{ width: `${(count / total) * 100}%` }} />
        ))}
      </div>
      <p class="tools">
        {counts.map(([name, filter, count]) => (
          <button key={name} type="button" class="quiet" disabled={filter === ''} aria-pressed={filter !== '' && filter === chosen} onClick={() => setStatus(filter)}>
            <span class={`mark ${statusClass(filter || 'PENDING')}`} aria-hidden="true" /> {filter === '' ? name : t(filter as Text)} {count}
          </button>
        ))}
      </p>
      <Children key={chosen} arn={arn} status={chosen} />
    </section>
  );
}

/** A link to the execution that a payload names. */
export function NestedExecution({ payloads }: { payloads: readonly (string | undefined)[] }) {
  const arn = payloads.map((each) => /"[eE]xecutionArn":\s*"(arn:[^"]+:execution:[^"]+)"/.exec(each ?? '')?.[1]).find(Boolean);
  if (!arn) return null;
  return (
    <p>
      {t('Nested execution')} <a href={url(`executions/${arn}`)}>{arn.split(':').slice(6).join(':')}</a>
    </p>
  );
}
