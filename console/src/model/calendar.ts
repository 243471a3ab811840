// Firings by day. A day is the second at which it begins in UTC, shifted by the zone's offset.

export interface Timed {
  readonly id: string;
  readonly name: string;
  readonly kind: 'rule' | 'scheduler';
  readonly times: readonly number[]; // Seconds, ascending.
  readonly cut: boolean; // There are more than `times` has.
}

export interface Day {
  readonly day: number;
  readonly rules: readonly { readonly timed: Timed; readonly times: readonly number[]; readonly more: boolean }[]; // `more`: than `times` has.
}

/** The beginning of the day of a zone `offset` seconds before UTC. */
export const dayOf = (at: number, offset: number): number => Math.floor((at + offset) / 86400) * 86400 - offset;

/** `count` days from `first` on; of each the rules that fire, the earliest first. */
export function firingsByDay(all: readonly Timed[], first: number, count: number): Day[] {
  return Array.from({ length: count }, (_, i) => {
    const day = first + i * 86400;
    const rules = all
      .map((timed) => ({ timed, times: timed.times.filter((at) => at >= day && at < day + 86400), more: timed.cut && (timed.times.at(-1) ?? 0) < day + 86400 }))
      .filter(({ times }) => times.length > 0)
      .sort((a, b) => (a.times[0] ?? 0) - (b.times[0] ?? 0));
    return { day, rules };
  });
}
