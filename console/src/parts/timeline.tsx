// When each state was worked on: one bar for each attempt, on an axis whose idle gaps are folded.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { duration, utc } from '../format';
import { t, type Text } from '../i18n';
import type { Visit } from '../model/history';
import { makeAxis, ticks, xOf, type Span, type Stretch } from '../model/timeline';
import { serverNow } from '../time';

const ROW = 26;
const SPARE = 6;
const LABELS = 168; // Width of the column of names.

interface Props {
  readonly visits: readonly Visit[];
  readonly began: number;
  readonly ended: number | undefined; // undefined: it runs.
  readonly selected: number; // A visit's id.
  readonly onSelect: (visit: Visit) => void;
}

interface Bar extends Span {
  readonly status: string;
  readonly open: boolean;
  readonly label: string;
}

const isBox = (visit: Visit) => visit.type === 'Map' || visit.type === 'Parallel';

/** When something works: attempts, and states that only think. Waits and boxes are no work. */
function busySpans(visits: readonly Visit[], now: number): Span[] {
  return visits.flatMap((visit) => {
    if (visit.attempts.length > 0) return visit.attempts.map((each) => ({ from: each.began, to: each.ended ?? now }));
    if (visit.type === 'Wait' || isBox(visit)) return [];
    return [{ from: visit.began, to: visit.ended ?? now }];
  });
}

function barsOf(visit: Visit, now: number): Bar[] {
  if (visit.attempts.length === 0) {
    const kind = visit.type === 'Wait' ? 'waiting' : isBox(visit) ? 'box' : '';
    return [{ from: visit.began, to: visit.ended ?? now, status: `${visit.status} ${kind}`, open: visit.ended === undefined, label: visit.name }];
  }
  const bars: Bar[] = [];
  let before: number | undefined;
  visit.attempts.forEach((attempt, i) => {
    if (before !== undefined && attempt.began > before) bars.push({ from: before, to: attempt.began, status: 'waiting backoff', open: false, label: '' });
    const error = attempt.error ? ` – ${attempt.error}` : '';
    bars.push({ from: attempt.began, to: attempt.ended ?? now, status: attempt.status, open: attempt.ended === undefined, label: t('Attempt {n}', { n: i + 1 }) + error });
    before = attempt.ended;
  });
  return bars;
}

function BarShape({ bar, axis, y }: { bar: Bar; axis: readonly Stretch[]; y: number }) {
  const x = xOf(axis, bar.from);
  const width = Math.max(bar.status.includes('backoff') ? 0 : 3, xOf(axis, bar.to) - x);
  return (
    <g class={`bar ${bar.status} ${bar.open ? 'open' : ''}`}>
      <title>{`${bar.label} · ${duration(bar.to - bar.from)}`}</title>
      <rect x={x} y={y + 6} width={width} height={ROW - 12} rx={bar.open ? 0 : 3} />
      {width > 60 && !bar.status.includes('box') && (
        <text x={x + 6} y={y + 17}>
          {duration(bar.to - bar.from)}
        </text>
      )}
    </g>
  );
}

const TICK_LABEL = 48; // Its width: marks nearer to the end have none.

function AxisLine({ axis, began }: { axis: readonly Stretch[]; began: number }) {
  const end = axis.at(-1)?.x1 ?? 0;
  return (
    <svg class="axis" height={22} width="100%" aria-hidden="true">
      {ticks(axis).map((time) => (
        <g key={time}>
          <line x1={xOf(axis, time)} x2={xOf(axis, time)} y1={16} y2={22} />
          {xOf(axis, time) + TICK_LABEL <= end + 20 && (
            <text x={xOf(axis, time) + 3} y={12}>
              {time === began ? utc(began).slice(11) : `+${duration(time - began)}`}
            </text>
          )}
        </g>
      ))}
    </svg>
  );
}

function Folds({ axis, height }: { axis: readonly Stretch[]; height: number }) {
  return (
    <>
      {axis
        .filter((stretch) => stretch.folded)
        .map((stretch) => (
          <g key={stretch.from} class="fold">
            <title>{t('idle for {time}', { time: duration(stretch.to - stretch.from) })}</title>
            <rect x={stretch.x0} y={0} width={stretch.x1 - stretch.x0} height={height} />
            <text x={(stretch.x0 + stretch.x1) / 2} y={12} text-anchor="middle">
              {duration(stretch.to - stretch.from).split(' ').slice(0, 2).join(' ')}
            </text>
          </g>
        ))}
    </>
  );
}

function useWidth() {
  const frame = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ width: 600, top: 0, height: 400 });
  const look = () => {
    const element = frame.current;
    if (!element) return;
    const next = { width: element.clientWidth, top: Math.floor(element.scrollTop / ROW) * ROW, height: element.clientHeight };
    setView((before) => (before.top === next.top && before.width === next.width && before.height === next.height ? before : next));
  };
  useEffect(() => {
    look();
    const observer = new ResizeObserver(look);
    observer.observe(frame.current as HTMLElement);
    return () => observer.disconnect();
  }, []);
  return { frame, view, look };
}

function Row({ visit, axis, y, now, props }: { visit: Visit; axis: readonly Stretch[]; y: number; now: number; props: Props }) {
  const select = useRef(props.onSelect);
  select.current = props.onSelect;
  // A visit is changed in place while it goes on: what of it is drawn decides whether it is drawn again.
  const last = visit.attempts.at(-1);
  return useMemo(
    () => drawRow(visit, axis, y, now, props.selected === visit.id, () => select.current(visit)),
    [visit, visit.status, visit.ended, visit.attempts.length, last?.status, last?.ended, axis, y, visit.ended === undefined ? now : 0, props.selected === visit.id],
  );
}

function drawRow(visit: Visit, axis: readonly Stretch[], y: number, now: number, selected: boolean, choose: () => void) {
  const iteration = Object.values(visit.iterations).map((index) => `#${index}`).join(' ');
  return (
    <g
      class={`line ${selected ? 'selected' : ''}`}
      role="button"
      tabindex={0}
      data-row
      aria-label={`${visit.name} ${iteration}, ${t(visit.status as Text)}, ${duration((visit.ended ?? now) - visit.began)}`}
      onClick={choose}
      onKeyDown={(event) => {
        if (event.key === 'Enter') choose();
      }}
    >
      <rect class="back" x={-LABELS} y={y} width={LABELS + 4000} height={ROW} />
      {barsOf(visit, now).map((bar, i) => (
        <BarShape key={i} bar={bar} axis={axis} y={y} />
      ))}
    </g>
  );
}

export function Timeline(props: Props) {
  const { frame, view, look } = useWidth();
  const [, tick] = useState(0);
  useEffect(() => {
    if (props.ended !== undefined) return undefined;
    const timer = setInterval(() => tick((n) => n + 1), 1000);
    return () => clearInterval(timer);
  }, [props.ended]);
  const { visits } = props;
  const now = props.ended ?? Math.max(serverNow(), visits.at(-1)?.began ?? 0);
  const labels = view.width < 520 ? 104 : LABELS;
  const width = Math.max(120, view.width - labels - 24);
  const axis = useMemo(() => makeAxis(busySpans(visits, now), { from: props.began, to: Math.max(now, props.began + 0.001) }, width), [visits, now, width]);
  useEffect(() => {
    const at = visits.findIndex((visit) => visit.id === props.selected) * ROW;
    const element = frame.current;
    if (element && at >= 0 && (at < element.scrollTop || at + 2 * ROW > element.scrollTop + element.clientHeight)) element.scrollTop = at - element.clientHeight / 2;
  }, [props.selected]);
  const first = Math.max(0, Math.floor(view.top / ROW) - SPARE);
  const shown = visits.slice(first, first + Math.ceil(view.height / ROW) + 2 * SPARE);
  return (
    <div class="timeline" ref={frame} onScroll={look}>
      <div class="axis-row" style={{ paddingLeft: `${labels}px` }}>
        <AxisLine axis={axis} began={props.began} />
      </div>
      <div class="lines" style={{ height: `${visits.length * ROW}px` }}>
        <div class="labels" style={{ width: `${labels}px` }} aria-hidden="true">
          {shown.map((visit, i) => (
            <button
              key={visit.id}
              type="button"
              tabIndex={-1}
              class={`label ${visit.status} ${props.selected === visit.id ? 'selected' : ''}`}
              style={{ top: `${(first + i) * ROW}px` }}
              onClick={() => props.onSelect(visit)}
              title={visit.name}
            >
              <span class={`mark ${visit.status}`} />
              <span class="cut">{visit.name}</span>
              <span class="faint">
                {Object.values(visit.iterations)
                  .map((index) => `#${index}`)
                  .join(' ')}
              </span>
            </button>
          ))}
        </div>
        <svg style={{ left: `${labels}px`, width: `${width + 16}px` }} height={visits.length * ROW} role="group" aria-label={t('Timeline')}>
          <defs>
            <pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
              <line x1="0" y1="0" x2="0" y2="6" class="hatch" />
            </pattern>
          </defs>
          <Folds axis={axis} height={visits.length * ROW} />
          {shown.map((visit, i) => (
            <Row key={visit.id} visit={visit} axis={axis} y={(first + i) * ROW} now={now} props={props} />
          ))}
        </svg>
      </div>
    </div>
  );
}
