// All events of an execution, of which only the rows in view are there.
import { useMemo, useState } from 'preact/hooks';
import type { ExecutionStore } from '../execution';
import { duration } from '../format';
import { t } from '../i18n';
import { detailsOf, type HistoryEvent, type Visit } from '../model/history';
import { causeWords } from '../model/task';
import { VirtualList } from './virtual';

interface Props {
  readonly store: ExecutionStore;
  readonly selected: Visit | undefined;
  readonly onSelect: (visit: Visit) => void;
}

const tone = (type: string) =>
  /Failed|TimedOut/.test(type) ? 'failed' : /Aborted/.test(type) ? 'aborted' : /Succeeded|Exited/.test(type) ? 'succeeded' : '';

function wordsOf(event: HistoryEvent): string {
  const details = detailsOf(event);
  const error = [details.error, details.cause && causeWords(String(details.cause))].filter(Boolean).join(': ');
  if (error) return error;
  if (details.resourceType) return `${String(details.resourceType)}:${String(details.resource)}`;
  if (details.index !== undefined) return `#${String(details.index)}`;
  return details.length !== undefined ? `${String(details.length)}` : '';
}

export function Events({ store, selected, onSelect }: Props) {
  const [filter, setFilter] = useState('');
  const events = store.events.value;
  const began = events[0]?.timestamp ?? 0;
  const words = filter.toLowerCase();
  const shown = useMemo(
    () =>
      words === ''
        ? events
        : events.filter((event) => `${event.type} ${store.visitOf(event.id)?.name ?? ''} ${wordsOf(event)}`.toLowerCase().includes(words)),
    [events, words],
  );
  const at = selected ? shown.findIndex((event) => event.id === selected.id) : -1;
  const row = (i: number) => {
    const event = shown[i] as HistoryEvent;
    const visit = store.visitOf(event.id);
    return (
      <button type="button" data-row class={`table-row ${visit && visit.id === selected?.id ? 'selected' : ''}`} onClick={() => visit && onSelect(visit)}>
        <span class="number">{event.id}</span>
        <span class="number faint">+{duration(event.timestamp - began)}</span>
        <span class={`cut ${tone(event.type)}`}>{event.type}</span>
        <span class="cut">{visit?.name}</span>
        <span class="cut faint">{wordsOf(event)}</span>
      </button>
    );
  };
  return (
    <section class="panel events" aria-label={t('Events')}>
      <header>
        <h2>{t('Events')}</h2>
        <span class="faint">
          {store.whole.value ? t('{n} events', { n: shown.length }) : t('reading {n} events…', { n: events.length })}
        </span>
        <input type="search" data-search placeholder={`${t('search')}  /`} aria-label={t('search')} value={filter} onInput={(event) => setFilter(event.currentTarget.value)} />
      </header>
      <div class="table event-table">
        <VirtualList label={t('Events')} count={shown.length} height={30} row={row} show={at} />
      </div>
    </section>
  );
}
