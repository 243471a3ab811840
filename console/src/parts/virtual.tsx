// A list of which only the rows in view are there. Rows are equally high.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

const SPARE = 8; // Rows above and below the view.

interface Props {
  readonly label: string;
  readonly count: number;
  readonly height: number; // Of a row, in pixels.
  readonly row: (index: number) => ComponentChildren;
  readonly onEnd?: () => void; // The last rows came into view.
  readonly show?: number | undefined; // This row is scrolled into view when it changes.
}

export function VirtualList({ label, count, height, row, onEnd, show }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, size: 600 });
  const look = () => {
    const element = box.current;
    if (element) setView({ top: element.scrollTop, size: element.clientHeight });
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
  const first = Math.max(0, Math.floor(view.top / height) - SPARE);
  const last = Math.min(count, Math.ceil((view.top + view.size) / height) + SPARE);
  useEffect(() => {
    if (last >= count) onEnd?.();
  }, [last, count]);
  const rows = [];
  for (let i = first; i < last; ++i)
    rows.push(
      <div key={i} class="virtual-row" style={{ top: `${i * height}px`, height: `${height}px` }} role="listitem" aria-setsize={count} aria-posinset={i + 1}>
        {row(i)}
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
