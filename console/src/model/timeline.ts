// The time axis: stretches in which nothing works are folded, so that what works stays visible.

export interface Span {
  readonly from: number; // Seconds.
  readonly to: number;
}

export interface Stretch extends Span {
  readonly x0: number; // Pixels.
  readonly x1: number;
  readonly folded: boolean;
}

export const FOLD_WIDTH = 44;
const FOLD_SECONDS_MIN = 10;

/** Overlapping spans made one, in order. */
export function union(spans: readonly Span[]): Span[] {
  const joined: { from: number; to: number }[] = [];
  for (const span of [...spans].sort((a, b) => a.from - b.from)) {
    const last = joined.at(-1);
    if (last && span.from <= last.to) last.to = Math.max(last.to, span.to);
    else joined.push({ ...span });
  }
  return joined;
}

/**
 * The axis from `whole.from` to `whole.to`, `width` pixels wide. A gap between busy spans is folded
 * when it is longer than `share` of all that is busy, and than FOLD_SECONDS_MIN.
 */
export function makeAxis(busy: readonly Span[], whole: Span, width: number, share = 0.5): Stretch[] {
  const work = union(busy.filter((span) => span.to >= whole.from && span.from <= whole.to));
  const total = work.reduce((sum, span) => sum + span.to - span.from, 0);
  const pieces: (Span & { folded: boolean })[] = [];
  let at = whole.from;
  const add = (to: number, idle: boolean) => {
    if (to <= at) return;
    const folded = idle && to - at > Math.max(FOLD_SECONDS_MIN, total * share);
    const last = pieces.at(-1);
    if (last && !last.folded && !folded) pieces[pieces.length - 1] = { from: last.from, to, folded: false };
    else pieces.push({ from: at, to, folded });
    at = to;
  };
  for (const span of work) {
    add(Math.min(span.from, whole.to), true);
    add(Math.min(span.to, whole.to), false);
  }
  add(whole.to, work.length > 0);
  return place(pieces, width);
}

function place(pieces: readonly (Span & { folded: boolean })[], width: number): Stretch[] {
  const folds = pieces.filter((piece) => piece.folded).length;
  const open = pieces.reduce((sum, piece) => sum + (piece.folded ? 0 : piece.to - piece.from), 0);
  const fold = Math.min(FOLD_WIDTH, width / Math.max(1, folds * 2));
  const scale = open > 0 ? (width - folds * fold) / open : 0;
  let x = 0;
  return pieces.map((piece) => {
    const wide = piece.folded ? fold : (piece.to - piece.from) * scale;
    const stretch = { ...piece, x0: x, x1: x + wide };
    x += wide;
    return stretch;
  });
}

/** Where a time lies on the axis; times outside lie at its ends. */
export function xOf(axis: readonly Stretch[], time: number): number {
  const first = axis[0];
  if (!first || time <= first.from) return 0;
  for (const stretch of axis)
    if (time <= stretch.to) {
      const length = stretch.to - stretch.from;
      return stretch.x0 + (length > 0 ? ((time - stretch.from) / length) * (stretch.x1 - stretch.x0) : 0);
    }
  return (axis.at(-1) as Stretch).x1;
}

/** Marks at round distances, in stretches that are wide enough for them. */
export function ticks(axis: readonly Stretch[], apart = 90): number[] {
  const steps = [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400, 604800];
  const begin = axis[0]?.from ?? 0;
  const marks: number[] = [];
  for (const stretch of axis) {
    if (stretch.folded || stretch.x1 - stretch.x0 < apart / 2) continue;
    const wanted = ((stretch.to - stretch.from) / (stretch.x1 - stretch.x0)) * apart;
    const step = steps.find((each) => each >= wanted) ?? 604800;
    for (let n = Math.ceil((stretch.from - begin) / step - 1e-9); begin + n * step <= stretch.to + 1e-9; ++n) {
      if (marks.length > 200) return marks;
      const time = begin + n * step;
      const last = marks.at(-1);
      if (last === undefined || xOf(axis, time) - xOf(axis, last) >= apart / 2) marks.push(time);
    }
  }
  return marks;
}
