// What changed on the server (engine/console/feed.h): one long poll at a time, which goes on where
// the last one ended. A page that is hidden, or kept for the back button, has none: a browser opens
// six connections to a server at most, for all of its pages.
import { signal } from '@preact/signals';
import { request, session } from './api';
import { parseEvents, type Change } from './model/stream';

export const live = signal<'connecting' | 'live' | 'lost'>('connecting');

type Listener = (change: Change) => void;
const listeners = new Set<Listener>();

/** `listener` hears each change, and {kind: "reset"} when some may have been missed. */
export function onChange(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

const pause = (milliseconds: number) => new Promise((done) => setTimeout(done, milliseconds));

let away = document.hidden;
let poll = new AbortController();
let wake: () => void = () => undefined;

function setAway(now: boolean): void {
  away = now;
  if (away) poll.abort();
  else wake();
}

document.addEventListener('visibilitychange', () => setAway(document.hidden));
addEventListener('pagehide', () => setAway(true));
addEventListener('pageshow', () => setAway(document.hidden));

async function untilBack(): Promise<void> {
  while (away) await new Promise<void>((done) => (wake = done));
}

export async function followFeed(): Promise<void> {
  let lastId = '';
  let first = true;
  for (;;) {
    await untilBack();
    poll = new AbortController();
    try {
      const response = await request('stream', { headers: { 'Last-Event-ID': lastId }, signal: poll.signal });
      const read = parseEvents(await response.text());
      live.value = 'live';
      if (read.lastId) lastId = read.lastId;
      for (const change of read.changes)
        if (!(first && change.kind === 'reset')) for (const listener of [...listeners]) listener(change);
      first = false;
      await pause(read.retry);
    } catch {
      if (poll.signal.aborted) continue;
      if (session.value === 'none') return;
      live.value = 'lost';
      await pause(2000);
    }
  }
}
