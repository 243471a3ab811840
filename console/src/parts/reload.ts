// Loads again after what changed on the server.
import { useEffect, useRef } from 'preact/hooks';
import { onChange } from '../feed';

/** Calls `reload` after changes of these kinds, at most once in `apart` milliseconds. */
export function useReloadOn(kinds: readonly string[], reload: () => Promise<void>, apart = 700): void {
  const latest = useRef(reload);
  latest.current = reload;
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = onChange((change) => {
      if (change.kind !== 'reset' && !kinds.includes(change.kind)) return;
      timer ??= setTimeout(() => {
        timer = undefined;
        void latest.current();
      }, apart);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, []);
}

/** Calls `reload` every so often, for what no change tells of; not while the page is hidden. */
export function useReloadEvery(milliseconds: number, reload: () => Promise<void>): void {
  const latest = useRef(reload);
  latest.current = reload;
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) void latest.current();
    }, milliseconds);
    return () => clearInterval(timer);
  }, [milliseconds]);
}
