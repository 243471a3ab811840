// Lists of things: one mechanism for all simple pages. A list has columns, a search field and, beside
// it, the detail of the row that the URL names.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { call } from '../api';
import { t, type Text } from '../i18n';
import { useReloadOn } from './reload';
import { place, url } from '../router';
import { Code, Empty, Panel, Problem, useLoaded, type Loaded } from './ui';

export interface Column<T> {
  readonly title: Text;
  readonly cell: (row: T) => ComponentChildren;
  readonly wide?: boolean; // Left out on a narrow screen.
}

interface Props<T> {
  readonly title: Text;
  readonly rows: readonly T[];
  readonly keyOf: (row: T) => string;
  readonly columns: readonly Column<T>[]; // The first one is the link.
  readonly words?: (row: T) => string; // What the search looks at; default the key.
  readonly empty: ComponentChildren;
  readonly link?: (row: T) => string; // Default: this page with ?id=.
}

const SHOWN_MAX = 300;

export function Table<T>({ title, rows, keyOf, columns, words, empty, link }: Props<T>) {
  const [filter, setFilter] = useState('');
  const [shown, setShown] = useState(SHOWN_MAX);
  const wanted = filter.toLowerCase();
  const found = wanted === '' ? rows : rows.filter((row) => (words ?? keyOf)(row).toLowerCase().includes(wanted));
  const selected = place.value.query.get('id') ?? '';
  const linkOf = link ?? ((row: T) => url(place.value.path, { id: keyOf(row) }));
  const aside = (
    <>
      <span class="faint">{rows.length}</span>
      {rows.length > 5 && (
        <input type="search" data-search placeholder={`${t('search')}  /`} aria-label={`${t(title)}: ${t('search')}`} value={filter} onInput={(event) => setFilter(event.currentTarget.value)} />
      )}
    </>
  );
  return (
    <Panel title={t(title)} aside={<span class="aside">{aside}</span>}>
      {found.length === 0 ? (
        <Empty>{rows.length === 0 ? empty : t('Nothing matches.')}</Empty>
      ) : (
        <div class="scroll" tabIndex={0} role="region" aria-label={t(title)}>
          <table class="list">
            <thead>
              <tr>
                {columns.map((column) => (
                  <th key={column.title} scope="col" class={column.wide ? 'wide' : ''}>
                    {t(column.title)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {found.slice(0, shown).map((row) => (
                <tr key={keyOf(row)} class={keyOf(row) === selected ? 'selected' : ''}>
                  {columns.map((column, i) => (
                    <td key={column.title} class={column.wide ? 'wide' : ''}>
                      {i === 0 ? (
                        <a data-row data-stay href={linkOf(row)} aria-current={keyOf(row) === selected ? 'true' : undefined}>
                          {column.cell(row)}
                        </a>
                      ) : (
                        column.cell(row)
                      )}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {found.length > shown && (
        <p class="more">
          <button type="button" onClick={() => setShown(shown + SHOWN_MAX)}>
            {t('Load more')} ({found.length - shown})
          </button>
        </p>
      )}
    </Panel>
  );
}

/** What is loaded, or why not. */
export function Body<T>({ loaded, children }: { loaded: Loaded<T>; children: (value: T) => ComponentChildren }) {
  if (loaded.error.value) return <Problem error={loaded.error.value} retry={() => void loaded.reload()} />;
  if (loaded.value.value === undefined) return <Empty>{t('Loading…')}</Empty>;
  return <>{children(loaded.value.value)}</>;
}

/** A part of a page that loads by itself, and again after changes of these kinds. */
export function Live<T>({ load, keys = [], kinds = [], apart, children }: { load: () => Promise<T>; keys?: readonly unknown[]; kinds?: readonly string[]; apart?: number; children: (value: T, reload: () => Promise<void>) => ComponentChildren }) {
  const loaded = useLoaded(load, keys);
  useReloadOn(kinds, loaded.reload, apart);
  return <Body loaded={loaded}>{(value) => children(value, loaded.reload)}</Body>;
}

export type Fact = readonly [Text, ComponentChildren];

/** Names and values; those without a value are left out. */
export function Facts({ facts }: { facts: readonly Fact[] }) {
  return (
    <dl class="facts-list">
      {facts
        .filter(([, value]) => value !== undefined && value !== '' && value !== null)
        .map(([name, value]) => (
          <div key={name}>
            <dt>{t(name)}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

/** The tabs of a page, each an URL: ?tab=. */
export function Tabs({ tabs, chosen }: { tabs: readonly (readonly [string, Text])[]; chosen: string }) {
  return (
    <nav class="tabs" aria-label={t('Views')}>
      {tabs.map(([id, title]) => (
        <a key={id} href={url(place.value.path, { tab: id })} aria-current={id === chosen ? 'page' : undefined}>
          {t(title)}
        </a>
      ))}
    </nav>
  );
}

export const chosenTab = (tabs: readonly (readonly [string, Text])[]): string => {
  const wanted = place.value.query.get('tab') ?? '';
  return tabs.some(([id]) => id === wanted) ? wanted : (tabs[0]?.[0] ?? '');
};

/** List and detail beside each other. */
export function Split({ list, detail }: { list: ComponentChildren; detail: ComponentChildren }) {
  return (
    <div class={`split ${detail ? 'open' : ''}`}>
      <div>{list}</div>
      {detail && <div class="split-detail">{detail}</div>}
    </div>
  );
}

export const Raw = ({ value }: { value: unknown }) => (
  <details class="step">
    <summary>{t('As the API gives it')}</summary>
    <Code text={JSON.stringify(value)} />
  </details>
);

/** All pages of a list operation, up to `max` elements. */
export async function listAll<T>(service: string, operation: string, input: object, member: string, token: string, max = 1000): Promise<T[]> {
  const all: T[] = [];
  let next: string | undefined;
  do {
    const page: Record<string, unknown> = await call(service, operation, next === undefined ? input : { ...input, [token]: next });
    all.push(...((page[member] ?? []) as T[]));
    next = page[token] as string | undefined;
  } while (next && all.length < max);
  return all;
}
