// The lines of two texts: which were taken away, added or kept. Long texts are compared by their
// common beginning and end alone, so that the work has a bound.

export interface DiffLine {
  readonly kind: 'same' | 'added' | 'removed';
  readonly text: string;
}

const CELLS_MAX = 1_000_000; // Of the table of common subsequences.

function middle(before: readonly string[], after: readonly string[]): DiffLine[] {
  if (before.length * after.length > CELLS_MAX)
    return [...before.map((text): DiffLine => ({ kind: 'removed', text })), ...after.map((text): DiffLine => ({ kind: 'added', text }))];
  const width = after.length + 1;
  const lengths = new Uint32Array((before.length + 1) * width);
  const at = (i: number, j: number) => lengths[i * width + j] as number;
  for (let i = before.length - 1; i >= 0; --i)
    for (let j = after.length - 1; j >= 0; --j) lengths[i * width + j] = before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  const lines: DiffLine[] = [];
  let i = 0;
  let j = 0;
  while (i < before.length || j < after.length) {
    if (i < before.length && j < after.length && before[i] === after[j]) {
      lines.push({ kind: 'same', text: before[i++] as string });
      ++j;
    } else if (j >= after.length || (i < before.length && at(i + 1, j) >= at(i, j + 1))) lines.push({ kind: 'removed', text: before[i++] as string });
    else lines.push({ kind: 'added', text: after[j++] as string });
  }
  return lines;
}

export function diffLines(before: string, after: string): DiffLine[] {
  const a = before.split('\n');
  const b = after.split('\n');
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) ++head;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) ++tail;
  const same = (text: string): DiffLine => ({ kind: 'same', text });
  return [...a.slice(0, head).map(same), ...middle(a.slice(head, a.length - tail), b.slice(head, b.length - tail)), ...a.slice(a.length - tail).map(same)];
}

export interface Hunk {
  readonly lines: readonly DiffLine[];
  readonly skipped: number; // Unchanged lines before it that are left out.
}

/** The changes with a few lines around each; `skipped` counts what lies between. */
export function hunksOf(lines: readonly DiffLine[], around = 3): { hunks: Hunk[]; rest: number } {
  const keep = new Uint8Array(lines.length);
  lines.forEach((line, i) => {
    if (line.kind !== 'same') keep.fill(1, Math.max(0, i - around), i + around + 1);
  });
  const hunks: { lines: DiffLine[]; skipped: number }[] = [];
  let skipped = 0;
  lines.forEach((line, i) => {
    if (!keep[i]) return void ++skipped;
    if (skipped > 0 || hunks.length === 0) hunks.push({ lines: [], skipped });
    skipped = 0;
    hunks.at(-1)?.lines.push(line);
  });
  return { hunks, rest: skipped };
}
