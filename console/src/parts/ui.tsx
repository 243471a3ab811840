// Small parts that several pages use.
import { signal, type Signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError } from '../api';
import { duration, isUtc, local, pretty, relative, utc, zone } from '../format';
import { t, type Text } from '../i18n';
import { japanese } from '../japanese';
import { serverNow } from '../time';

// Colours of statuses of all services: by the whole word, else by how it ends.
const STATUS_CLASS: Record<string, string> = {
  RUNNING: 'running',
  SUCCEEDED: 'succeeded',
  FAILED: 'failed',
  TIMED_OUT: 'failed',
  ABORTED: 'aborted',
  PENDING_REDRIVE: 'caught',
  ALARM: 'failed',
  OK: 'succeeded',
  INSUFFICIENT_DATA: 'aborted',
  ACTIVE: 'succeeded',
  ENABLED: 'succeeded',
  COMPLETED: 'succeeded',
  AVAILABLE: 'succeeded',
  PRIMARY: 'running',
  RETRIABLE: 'caught',
  CAUGHT_ERROR: 'caught',
};

export function statusClass(status: string): string {
  const known = STATUS_CLASS[status];
  if (known) return known;
  if (/FAILED$|ROLLBACK/.test(status)) return 'failed';
  if (/(IN_PROGRESS|ING)$/.test(status)) return 'running';
  if (/COMPLETE$/.test(status)) return 'succeeded';
  return /^[A-Z_]+$/.test(status) ? 'aborted' : status;
}

/** A status with its colour; `words` in place of the status's own. */
export function Pill({ status, words }: { status: string; words?: string }) {
  const kind = statusClass(status);
  return (
    <span class={`pill ${kind}`}>
      <span class={`mark ${kind}`} aria-hidden="true" />
      {words ?? (status in japanese ? t(status as Text) : status)}
    </span>
  );
}

/** A time in UTC, with the reader's zone and the distance as a hint. */
export function Time({ at, both = false }: { at: number; both?: boolean }) {
  const hint = `${local(at)} ${zone} · ${relative(at, serverNow())}`;
  return (
    <time dateTime={new Date(at * 1000).toISOString()} title={hint}>
      {utc(at)}
      <span class="faint"> UTC</span>
      {both && !isUtc() && <span class="faint zone">{` ${local(at)} ${zone}`}</span>}
    </time>
  );
}

/** How long something took, or takes until now. */
export function Took({ from, to }: { from: number; to?: number | undefined }) {
  const [, tick] = useState(0);
  useEffect(() => {
    if (to !== undefined) return undefined;
    const timer = setInterval(() => tick((n) => n + 1), 1000);
    return () => clearInterval(timer);
  }, [to]);
  return <span class="number">{duration((to ?? serverNow()) - from)}</span>;
}

function advice(error: ApiError): Text | undefined {
  if (error.code === 'ConnectFailed') return 'Start the server with kiban serve, then try again.';
  if (error.code === 'NoSession' || error.code === 'LinkUsed') return 'Open it by a new link: kiban console.';
  if (error.code === 'ExecutionDoesNotExist') return 'It may have been erased (kiban serve --retention), or its machine deleted.';
  if (error.code === 'ExecutionNotRedrivable') return 'Only executions that failed within 14 days can be redriven.';
  return undefined;
}

export function Problem({ error, retry }: { error: unknown; retry?: () => void }) {
  const known = error instanceof ApiError ? error : new ApiError('Error', String(error), 0);
  const what = advice(known);
  return (
    <div class="problem" role="alert">
      <strong>{known.code}</strong> {known.message}
      {what && <div>{t('What to do: {what}', { what: t(what) })}</div>}
      {retry && (
        <button type="button" onClick={retry}>
          {t('Try again')}
        </button>
      )}
    </div>
  );
}

export function Panel({ title, aside, children }: { title: string; aside?: ComponentChildren; children: ComponentChildren }) {
  return (
    <section class="panel" aria-label={title}>
      <header>
        <h2>{title}</h2>
        {aside}
      </header>
      {children}
    </section>
  );
}

export const Empty = ({ children }: { children: ComponentChildren }) => <p class="empty">{children}</p>;

export function CopyButton({ text, label }: { text: string; label?: string }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setDone(true);
    setTimeout(() => setDone(false), 1500);
  };
  return (
    <button type="button" class="quiet" onClick={() => void copy()}>
      {done ? t('Copied') : (label ?? t('Copy'))}
    </button>
  );
}

const FOLDED_LINES = 14;

/** JSON, indented; a long one is folded at first. */
export function Code({ text }: { text: string | undefined }) {
  const [open, setOpen] = useState(false);
  const all = pretty(text);
  const lines = all.split('\n');
  const folded = !open && lines.length > FOLDED_LINES + 3;
  return (
    <div class="code">
      <pre tabIndex={0}>{folded ? `${lines.slice(0, FOLDED_LINES).join('\n')}\n…` : all}</pre>
      <div class="code-tools">
        {folded && (
          <button type="button" class="quiet" onClick={() => setOpen(true)}>
            {t('Show all')} ({lines.length})
          </button>
        )}
        <CopyButton text={all} />
      </div>
    </div>
  );
}

/** A value that is loaded, kept while it is loaded anew. */
export interface Loaded<T> {
  readonly value: Signal<T | undefined>;
  readonly error: Signal<unknown>;
  reload(): Promise<void>;
}

export function useLoaded<T>(load: () => Promise<T>, keys: readonly unknown[]): Loaded<T> {
  const held = useRef<{ value: Signal<T | undefined>; error: Signal<unknown> } | null>(null);
  held.current ??= { value: signal<T | undefined>(undefined), error: signal<unknown>(undefined) };
  const { value, error } = held.current;
  const run = useRef(0);
  const reload = async () => {
    const mine = ++run.current;
    try {
      const got = await load();
      if (mine !== run.current) return;
      value.value = got;
      error.value = undefined;
    } catch (failure) {
      if (mine === run.current) error.value = failure;
    }
  };
  useEffect(() => {
    void reload();
    return () => void ++run.current;
  }, keys);
  return { value, error, reload };
}
