// The server's time: the host's, or that of a virtual clock, carried on between two looks.
import { signal } from '@preact/signals';
import { own } from './api';

export interface Clock {
  readonly clock: 'real' | 'virtual';
  readonly now: string;
  readonly scale?: number; // 0: frozen.
  readonly next_timer: string | null;
  readonly waiting?: readonly { at: string; what: string }[];
  readonly waiting_count?: number;
  readonly in_flight?: readonly string[];
  readonly message?: string;
}

export const clock = signal<Clock | undefined>(undefined);
let seen = { server: Date.now() / 1000, page: performance.now() };

export function takeClock(next: Clock): void {
  seen = { server: Date.parse(next.now) / 1000, page: performance.now() };
  clock.value = next;
}

export async function readClock(): Promise<void> {
  takeClock(await own<Clock>('clock'));
}

/** Seconds since 1970. */
export function serverNow(): number {
  const scale = clock.value?.clock === 'virtual' ? (clock.value.scale ?? 0) : 1;
  return seen.server + ((performance.now() - seen.page) / 1000) * scale;
}
