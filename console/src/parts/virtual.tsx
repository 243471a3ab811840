// A list of which only the rows in view are there. Rows are equally high.
import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';

interface Props {
  readonly label: string;
  readonly count: number;
  readonly height: number; // Of a row, in pixels.
  readonly row: (index: number) => ComponentChildren;
  readonly onEnd?: () => void; // The last rows came into view.
  readonly spare?: number; // Rows that are there above and below the view.
  readonly show?: number | undefined; // This row is scrolled into view when it changes.
}

/** A row is drawn again only when the list was, not when it is scrolled. */
function VirtualRow({ index, row }: { index: number; row: (index: number) => ComponentChildren }) {
  return useMemo(() => <>{row(index)}</>, [row, index]);
}

export function VirtualList({ label, count, height, row, onEnd, spare = 8, show }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, size: 600 });
  const look = () => {
    const element = box.current;
    if (!element) return;
    const top = Math.floor(element.scrollTop / height) * height; // Within a row nothing is drawn anew.
    setView((before) => (before.top === top && before.size === element.clientHeight ? before : { top, size: element.clientHeight }));
  };
  useEffect(() => {
    look();
    const observer = new ResizeObserver(look);
    observer.observe(box.current as HTMLElement);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    const element = box.current;
    if (show === undefined || show < 0 || !element) return;
    const at = show * height;
    if (at < element.scrollTop || at + height > element.scrollTop + element.clientHeight) element.scrollTop = at - element.clientHeight / 2;
  }, [show]);
  const first = Math.max(0, Math.floor(view.top / height) - spare);
  const last = Math.min(count, Math.ceil((view.top + view.size) / height) + spare);
  useEffect(() => {
    if (last >= count) onEnd?.();
  }, [last, count]);
  const rows = [];
  for (let i = first; i < last; ++i)
    rows.push(
      <div key={i} class="virtual-row" style={{ top: `${i * height}px`, height: `${height}px` }} role="listitem" aria-setsize={count} aria-posinset={i + 1}>
        <VirtualRow index={i} row={row} />
      </div>,
    );
  return (
    <div class="virtual" ref={box} onScroll={look} role="list" aria-label={label} tabIndex={0}>
      <div class="virtual-all" style={{ height: `${count * height}px` }}>
        {rows}
      </div>
    </div>
  );
}
