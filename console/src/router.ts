// The URL is the state of what is looked at: a path below the prefix, and a query.
import { signal } from '@preact/signals';

export const PREFIX = '/_kiban/console';

export interface Place {
  readonly path: string; // "executions/arn:…", without the prefix.
  readonly query: URLSearchParams;
}

/** A path that is not validly encoded is taken as it is. */
export function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function read(): Place {
  const path = decoded(location.pathname.slice(PREFIX.length + 1)).replace(/\/$/, '');
  return { path, query: new URLSearchParams(location.search) };
}

export const place = signal<Place>(read());

/** The URL of a page. Values that are empty are left out of the query. */
export function url(path: string, query: Record<string, string> = {}): string {
  const encoded = path.split('/').map(encodeURIComponent).join('/').replaceAll('%3A', ':');
  const kept = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== ''));
  return `${PREFIX}/${encoded}${kept.size > 0 ? `?${kept}` : ''}`;
}

export function go(to: string, how: 'push' | 'replace' = 'push'): void {
  if (how === 'push') history.pushState(null, '', to);
  else history.replaceState(null, '', to);
  place.value = read();
}

/** Changes the query alone; values that are empty are removed. */
export function setQuery(changes: Record<string, string>, how: 'push' | 'replace' = 'replace'): void {
  const query = Object.fromEntries(place.value.query);
  go(url(place.value.path, { ...query, ...changes }), how);
}

/** Links of the page itself are followed without loading it anew. */
export function followLinks(): void {
  addEventListener('popstate', () => (place.value = read()));
  document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    const link = (event.target as Element).closest('a');
    if (!link || link.origin !== location.origin || !link.pathname.startsWith(`${PREFIX}/`) || link.target) return;
    event.preventDefault();
    go(link.pathname + link.search);
    if (!link.hasAttribute('data-stay')) scrollTo(0, 0);
  });
}
