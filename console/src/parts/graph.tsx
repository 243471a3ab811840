// The definition as a graph, coloured by what happened.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { t, type Text } from '../i18n';
import { END, START, type Container, type Edge } from '../model/definition';
import type { StateSummary, Status, Visit } from '../model/history';
import { LABEL_WIDTH, layOut, textWidth, type Placed, type PlacedEdge, type PlacedState, type Point } from '../model/layout';

interface Props {
  readonly definition: Container;
  readonly summary: ReadonlyMap<string, StateSummary>;
  readonly taken: ReadonlySet<string>;
  readonly selected: string;
  readonly onSelect: (state: string) => void;
}

const MARKS: Record<Status, string> = { succeeded: '✓', failed: '✕', running: '●', caught: '!', aborted: '–' };
const ATTEMPTS_MAX = 6;

export const takenKey = (edge: Pick<Edge, 'from' | 'to' | 'kind'>) => `${edge.from}→${edge.to}→${edge.kind === 'catch'}`;

/** Which arrows were followed. */
export function takenEdges(visits: readonly Visit[], succeeded: boolean): Set<string> {
  const taken = new Set<string>();
  for (const visit of visits) {
    taken.add(takenKey({ from: visit.from || START, to: visit.name, kind: visit.caught ? 'catch' : 'next' }));
    // A Catch may lead where Next does: what the state before came to tells them apart.
    if (visit.caught) taken.add(`${visit.from}→${visit.name}→true`);
    if (visit.exited !== undefined && visit.status === 'succeeded') taken.add(`${visit.name}→${END}→false`);
  }
  if (!succeeded) return taken;
  const last = visits.at(-1);
  if (last) taken.add(takenKey({ from: last.name, to: END, kind: 'next' }));
  return taken;
}

function pathOf(points: readonly Point[]): string {
  const [first, ...rest] = points;
  if (!first) return '';
  let path = `M${first.x},${first.y}`;
  for (let i = 0; i < rest.length - 1; ++i) {
    const here = rest[i] as Point;
    const next = rest[i + 1] as Point;
    const middle = i === rest.length - 2 ? next : { x: (here.x + next.x) / 2, y: (here.y + next.y) / 2 };
    path += `Q${here.x},${here.y} ${middle.x},${middle.y}`;
  }
  if (rest.length === 1) path += `L${rest[0]?.x},${rest[0]?.y}`;
  return path;
}

function cut(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  let kept = text;
  while (kept.length > 1 && textWidth(kept) > width - 10) kept = kept.slice(0, -1);
  return `${kept}…`;
}

function EdgeLine({ edge, taken }: { edge: PlacedEdge; taken: boolean }) {
  const kind = `edge ${edge.kind} ${taken ? 'taken' : ''}`;
  return (
    <g class={kind}>
      <path d={pathOf(edge.points)} marker-end={taken ? 'url(#arrow-taken)' : 'url(#arrow)'} />
      {edge.label && (
        <text x={edge.labelAt.x} y={edge.labelAt.y + 3}>
          <title>{edge.label}</title>
          {cut(edge.label, LABEL_WIDTH / 0.8)}
        </text>
      )}
    </g>
  );
}

function Counts({ box, summary }: { box: PlacedState; summary: StateSummary }) {
  const shown = (Object.entries(summary.counts) as [Status, number][]).filter(([, count]) => count > 0);
  if (shown.reduce((sum, [, count]) => sum + count, 0) < 2) return null;
  return (
    <text class="counts" x={box.x + box.width - 10} y={box.y + 33} text-anchor="end">
      {shown.map(([status, count]) => (
        <tspan key={status} class={`count ${status}`} dx={6}>
          {MARKS[status]}
          {count}
        </tspan>
      ))}
    </text>
  );
}

function Pips({ box, visit }: { box: PlacedState; visit: Visit }) {
  if (visit.attempts.length < 2) return null;
  return (
    <g class="pips">
      {visit.attempts.slice(-ATTEMPTS_MAX).map((attempt, i) => (
        <circle key={i} class={attempt.status} cx={box.x + 36 + i * 10} cy={box.y + 37} r={3} />
      ))}
    </g>
  );
}

function StateBox({ box, props }: { box: PlacedState; props: Props }) {
  const { state } = box;
  const summary = props.summary.get(state.name);
  const status = summary?.status;
  const group = box.inner.length > 0;
  const words = status ? t(status as Text) : t('not reached');
  const choose = () => props.onSelect(state.name);
  return (
    <>
      <g
        class={`node ${status ?? 'unreached'} ${group ? 'group' : ''} ${props.selected === state.name ? 'selected' : ''}`}
        role="button"
        tabindex={0} // In SVG attributes keep their case, and tabIndex is none.
        aria-pressed={props.selected === state.name}
        aria-label={`${state.name}, ${state.type}, ${words}`}
        data-state={state.name}
        onClick={choose}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' && event.key !== ' ') return;
          event.preventDefault();
          choose();
        }}
      >
        <rect x={box.x} y={box.y} width={box.width} height={box.height} rx={8} />
        <circle class="badge" cx={box.x + 18} cy={box.y + (group ? 20 : 18)} r={9} />
        {status && (
          <text class="mark" x={box.x + 18} y={box.y + (group ? 24 : 22)} text-anchor="middle">
            {MARKS[status]}
          </text>
        )}
        <text class="name" x={box.x + 34} y={box.y + 22}>
          {cut(state.name, box.width - 44)}
          <title>{state.name}</title>
        </text>
        <text class="type" x={box.x + (summary && (summary.last.attempts.length > 1) ? 36 + Math.min(ATTEMPTS_MAX, summary.last.attempts.length) * 10 + 2 : 34)} y={box.y + (group ? 35 : 38)}>
          {state.type}
        </text>
        {summary && <Pips box={box} visit={summary.shown} />}
        {summary && <Counts box={box} summary={summary} />}
      </g>
      {box.inner.map((inner, i) => (
        <ContainerGroup key={i} placed={inner} props={props} />
      ))}
    </>
  );
}

function ContainerGroup({ placed, props }: { placed: Placed; props: Props }) {
  return (
    <g transform={`translate(${placed.x},${placed.y})`}>
      {placed.edges.map((edge, i) => (
        <EdgeLine key={i} edge={edge} taken={isTaken(edge, props.taken)} />
      ))}
      {placed.ends.map((end) => (
        <g key={end.name} class={end.name === START ? 'end start' : 'end'}>
          <title>{end.name === START ? t('Start') : t('End')}</title>
          <circle cx={end.x} cy={end.y} r={9} />
          {end.name === END && <circle class="dot" cx={end.x} cy={end.y} r={4} />}
        </g>
      ))}
      {placed.states.map((box) => (
        <StateBox key={box.state.name} box={box} props={props} />
      ))}
    </g>
  );
}

const isTaken = (edge: Edge, taken: ReadonlySet<string>) => taken.has(takenKey(edge));

export function Graph(props: Props) {
  const placed = useMemo(() => layOut(props.definition), [props.definition]);
  const frame = useRef<HTMLDivElement>(null);
  const [zoom, setZoom] = useState(1);
  const fit = () => {
    const element = frame.current;
    if (element) setZoom(Math.max(0.35, Math.min(1, (element.clientWidth - 8) / (placed.width + 40))));
  };
  useEffect(() => {
    let width = 0;
    const observer = new ResizeObserver(([entry]) => {
      const now = Math.round(entry?.borderBoxSize[0]?.inlineSize ?? 0);
      if (now === width) return;
      width = now;
      fit();
    });
    observer.observe(frame.current as HTMLElement);
    return () => observer.disconnect();
  }, [placed]);
  useEffect(() => {
    const element = frame.current;
    const node = element?.querySelector(`[data-state="${CSS.escape(props.selected)}"] rect`);
    if (!element || !node) return;
    // Not scrollIntoView(), which moves the page too.
    const [box, around] = [node.getBoundingClientRect(), element.getBoundingClientRect()];
    if (box.top < around.top || box.bottom > around.bottom) element.scrollTop += box.top - around.top - around.height / 2;
    if (box.left < around.left || box.right > around.right) element.scrollLeft += box.left - around.left - around.width / 2;
  }, [props.selected, placed, zoom]);
  const width = placed.width + 40;
  return (
    <div class="graph">
      <div class="graph-tools">
        <button type="button" class="quiet" aria-label={t('Zoom in')} onClick={() => setZoom(Math.min(2, zoom * 1.25))}>
          +
        </button>
        <button type="button" class="quiet" aria-label={t('Zoom out')} onClick={() => setZoom(Math.max(0.25, zoom / 1.25))}>
          −
        </button>
        <button type="button" class="quiet" onClick={fit}>
          {t('Fit')}
        </button>
      </div>
      <div class="graph-frame" ref={frame}>
        <svg width={width * zoom} height={placed.height * zoom} viewBox={`0 0 ${width} ${placed.height}`} role="group" aria-label={t('Graph')}>
          <defs>
            {['arrow', 'arrow-taken'].map((id) => (
              <marker key={id} id={id} viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">
                <path class={id} d="M0,1L9,5L0,9z" />
              </marker>
            ))}
          </defs>
          <ContainerGroup placed={placed} props={props} />
        </svg>
      </div>
    </div>
  );
}
