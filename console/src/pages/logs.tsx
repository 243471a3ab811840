// CloudWatch Logs: groups, streams, and lines found by a filter pattern, as they come.
import { useRef, useState } from 'preact/hooks';
import { call } from '../api';
import { bytes } from '../format';
import { t } from '../i18n';
import { listAll, Live, Split, Table } from '../parts/listing';
import { useReloadEvery } from '../parts/reload';
import { Empty, Panel, Problem, Time, useLoaded } from '../parts/ui';
import { VirtualList } from '../parts/virtual';
import { place, setQuery, url } from '../router';
import { serverNow } from '../time';

interface Group {
  readonly logGroupName: string;
  readonly storedBytes?: number;
  readonly retentionInDays?: number;
}

interface Stream {
  readonly logStreamName: string;
  readonly lastEventTimestamp?: number;
}

interface Line {
  readonly eventId: string;
  readonly timestamp: number; // Milliseconds.
  readonly message: string;
  readonly logStreamName: string;
}

const LINES_MAX = 5000;
const RANGES: readonly (readonly [string, number])[] = [
  ['15 min', 900],
  ['1 h', 3600],
  ['24 h', 86400],
  ['7 d', 604800],
  ['', 0],
];

interface Found {
  readonly lines: readonly Line[];
  readonly whole: boolean;
}

/** Oldest first, as the API gives them; of more than LINES_MAX the first. `startTime` in milliseconds. */
async function findLines(group: string, stream: string, pattern: string, startTime: number | undefined): Promise<Found> {
  const lines: Line[] = [];
  let nextToken: string | undefined;
  do {
    const page = await call<{ events: Line[]; nextToken?: string }>('logs', 'FilterLogEvents', {
      logGroupName: group,
      ...(pattern ? { filterPattern: pattern } : {}),
      ...(stream ? { logStreamNames: [stream] } : {}),
      ...(startTime === undefined ? {} : { startTime: Math.max(0, startTime) }),
      ...(nextToken ? { nextToken } : {}),
    });
    lines.push(...page.events);
    nextToken = page.nextToken;
  } while (nextToken && lines.length < LINES_MAX);
  return { lines, whole: nextToken === undefined };
}

const tone = (message: string) => (/\b(ERROR|FATAL|CRITICAL|Traceback|Exception)\b/i.test(message) ? 'bad' : /\bWARN/i.test(message) ? 'warned' : '');

function Lines({ group, stream, pattern, range }: { group: string; stream: string; pattern: string; range: number }) {
  const asked = JSON.stringify([group, stream, pattern, range]);
  const known = useRef<{ asked: string; found: Found } | undefined>(undefined);
  // The first time the whole range, then what came since its last line.
  const load = async (): Promise<Found> => {
    const before = known.current?.asked === asked ? known.current.found : undefined;
    const last = before?.whole ? before.lines.at(-1) : undefined;
    const start = last ? last.timestamp : range > 0 ? Math.floor((serverNow() - range) * 1000) : undefined;
    const read = await findLines(group, stream, pattern, start);
    const ids = new Set(last && before?.lines.map((line) => line.eventId));
    const found = last && before ? { lines: [...before.lines, ...read.lines.filter((line) => !ids.has(line.eventId))].slice(-LINES_MAX), whole: read.whole } : read;
    known.current = { asked, found };
    return found;
  };
  const loaded = useLoaded(load, [asked]);
  const [open, setOpen] = useState('');
  useReloadEvery(2000, loaded.reload);
  const error = loaded.error.value;
  const found = loaded.value.value;
  if (error !== undefined) return <Problem error={error} />;
  if (!found) return <Empty>{t('Loading…')}</Empty>;
  if (found.lines.length === 0) return <Empty>{t('No line matches.')}</Empty>;
  const row = (i: number) => {
    const line = found.lines[found.lines.length - 1 - i] as Line;
    return (
      <button type="button" data-row class={`log-row ${tone(line.message)}`} title={line.logStreamName} onClick={() => setOpen(open === line.eventId ? '' : line.eventId)}>
        <span class="faint number">{new Date(line.timestamp).toISOString().slice(5, 23).replace('T', ' ')}</span>
        <span class="cut">{line.message}</span>
      </button>
    );
  };
  const opened = found.lines.find((line) => line.eventId === open);
  return (
    <>
      <p class="faint pad">
        {t('{n} lines, newest first', { n: found.lines.length })}
        {!found.whole && ` · ${t('The first {n} of the range: narrow the range or the filter.', { n: LINES_MAX })}`}
      </p>
      {opened && (
        <div class="pad">
          <pre class="log" tabIndex={0}>
            {opened.message}
          </pre>
          <p class="faint">
            {opened.logStreamName} · <Time at={opened.timestamp / 1000} both />
          </p>
        </div>
      )}
      <VirtualList label={t('Log')} count={found.lines.length} height={24} row={row} />
    </>
  );
}

function GroupDetail({ group }: { group: string }) {
  const { query } = place.value;
  const stream = query.get('stream') ?? '';
  const pattern = query.get('pattern') ?? '';
  const range = Number(query.get('range') ?? 0);
  const [typed, setTyped] = useState(pattern);
  const streams = useLoaded(async () => (await call<{ logStreams: Stream[] }>('logs', 'DescribeLogStreams', { logGroupName: group, orderBy: 'LastEventTime', descending: true, limit: 50 })).logStreams, [group]);
  return (
    <Panel title={group}>
      <form
        class="filters pad"
        role="search"
        onSubmit={(event) => {
          event.preventDefault();
          setQuery({ pattern: typed });
        }}
      >
        <input type="search" data-search placeholder={`${t('Filter pattern')}: ERROR, "exit 3", { $.level = "error" }`} aria-label={t('Filter pattern')} value={typed} onInput={(event) => setTyped(event.currentTarget.value)} onChange={() => setQuery({ pattern: typed })} />
        <select aria-label={t('Stream')} value={stream} onChange={(event) => setQuery({ stream: event.currentTarget.value })}>
          <option value="">{t('All streams')}</option>
          {(streams.value.value ?? []).map((each) => (
            <option key={each.logStreamName} value={each.logStreamName}>
              {each.logStreamName}
            </option>
          ))}
        </select>
        <select aria-label={t('Range')} value={String(range)} onChange={(event) => setQuery({ range: event.currentTarget.value === '0' ? '' : event.currentTarget.value })}>
          {RANGES.map(([label, length]) => (
            <option key={length} value={String(length)}>
              {label === '' ? t('any time') : t('the last {time}', { time: label })}
            </option>
          ))}
        </select>
      </form>
      <Lines group={group} stream={stream} pattern={pattern} range={range} />
    </Panel>
  );
}

export function Page() {
  const group = place.value.query.get('group') ?? '';
  return (
    <>
      <h1>{t('Logs')}</h1>
      <Live load={() => listAll<Group>('logs', 'DescribeLogGroups', {}, 'logGroups', 'nextToken')} kinds={['execution', 'task']} apart={3000}>
        {(all) => (
          <Split
            list={
              <Table
                title="Log groups"
                rows={all}
                keyOf={(each) => each.logGroupName}
                link={(each) => url('logs', { group: each.logGroupName })}
                empty={t('No log group yet. Tasks with the awslogs driver and state machines with logging write here.')}
                columns={[
                  { title: 'name', cell: (each) => each.logGroupName },
                  { title: 'size', cell: (each) => bytes(each.storedBytes ?? 0), wide: true },
                  { title: 'retention', cell: (each) => (each.retentionInDays ? t('{n} days', { n: each.retentionInDays }) : t('for ever')), wide: true },
                ]}
              />
            }
            detail={group && <GroupDetail key={group} group={group} />}
          />
        )}
      </Live>
    </>
  );
}
