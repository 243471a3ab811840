// Pages of several lists, each newest first, as one list that is newest first.

export interface Source<T> {
  readonly items: T[];
  token: string | undefined;
  done: boolean;
}

/** Those that no page still to come can fall between. */
export function settled<T>(sources: readonly Source<T>[], timeOf: (item: T) => number): T[] {
  const open = sources.filter((source) => !source.done);
  const edge = Math.max(-Infinity, ...open.map((source) => (source.items.length > 0 ? timeOf(source.items.at(-1) as T) : Infinity)));
  return sources
    .flatMap((source) => source.items)
    .filter((item) => timeOf(item) >= edge)
    .sort((a, b) => timeOf(b) - timeOf(a));
}

/** The source whose next page holds back the most; undefined: all are read. */
export function nextSource<T>(sources: readonly Source<T>[], timeOf: (item: T) => number): Source<T> | undefined {
  const edge = (source: Source<T>) => (source.items.length > 0 ? timeOf(source.items.at(-1) as T) : Infinity);
  return sources.filter((source) => !source.done).sort((a, b) => edge(b) - edge(a))[0];
}

/** What was read, after its first page was read anew: what that page covers is as it says. */
export function withFirstPage<T>(known: readonly T[], page: readonly T[], whole: boolean, timeOf: (item: T) => number, keyOf: (item: T) => string): T[] {
  const last = page.at(-1);
  if (whole || last === undefined) return [...page];
  const fresh = new Set(page.map(keyOf));
  return [...page, ...known.filter((item) => timeOf(item) <= timeOf(last) && !fresh.has(keyOf(item)))];
}
