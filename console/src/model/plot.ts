// Points of a metric as a line in SVG, and marks for its axes.

export interface PlotPoint {
  readonly at: number; // Seconds.
  readonly value: number;
}

export interface Frame {
  readonly from: number;
  readonly to: number;
  readonly width: number;
  readonly height: number;
}

/** The smallest of 1, 2, 5 × 10ⁿ that is not below `value`; 1 for nothing. */
export function roundUp(value: number): number {
  if (!(value > 0)) return 1;
  const unit = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 5, 10].find((each) => each * unit >= value * (1 - 1e-9)) ?? 10;
  return step * unit;
}

/** The line through the points; a gap of more than three periods breaks it. */
export function linePath(points: readonly PlotPoint[], frame: Frame, top: number, period: number): string {
  let path = '';
  let before: number | undefined;
  for (const { at, value } of points) {
    const x = ((at - frame.from) / (frame.to - frame.from)) * frame.width;
    const y = frame.height - (Math.max(0, value) / top) * frame.height;
    path += `${before === undefined || at - before > period * 3 ? 'M' : 'L'}${x.toFixed(1)},${y.toFixed(1)}`;
    before = at;
  }
  return path;
}

/** A number in few letters: 1.5k, 2.3M, 0.25. */
export function short(value: number): string {
  const size = Math.abs(value);
  for (const [unit, letter] of [[1e9, 'G'], [1e6, 'M'], [1e3, 'k']] as const)
    if (size >= unit) return `${Number((value / unit).toPrecision(3))}${letter}`;
  return String(Number(value.toPrecision(3)));
}
