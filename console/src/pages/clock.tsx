// The server's clock. A virtual one is moved here; what waits for it is listed in its order.
import { useEffect, useState } from 'preact/hooks';
import { own } from '../api';
import { onChange } from '../feed';
import { duration, relative } from '../format';
import { t } from '../i18n';
import { Empty, Panel, Problem, Time } from '../parts/ui';
import { clock, readClock, serverNow, takeClock, type Clock } from '../time';

const STEPS: readonly (readonly [string, number])[] = [
  ['+1 min', 60],
  ['+1 h', 3600],
  ['+24 h', 86400],
];

function Moves({ now }: { now: Clock }) {
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const move = async (wish: object) => {
    setBusy(true);
    try {
      takeClock(await own<Clock>('clock', wish));
      setError(undefined);
    } catch (failure) {
      setError(failure);
      await readClock().catch(() => undefined);
    }
    setBusy(false);
  };
  return (
    <>
      <div class="tools">
        {now.next_timer && (
          <button type="button" class="main" disabled={busy} onClick={() => void move({ set: now.next_timer })}>
            {t('Next event')} <span class="faint">+{duration(Date.parse(now.next_timer) / 1000 - serverNow())}</span>
          </button>
        )}
        {STEPS.map(([label, seconds]) => (
          <button key={label} type="button" disabled={busy} onClick={() => void move({ advance: seconds * 1000 })}>
            {label}
          </button>
        ))}
        {now.scale === 0 ? (
          <button type="button" disabled={busy} onClick={() => void move({ scale: 1 })}>
            {t('Real time')}
          </button>
        ) : (
          <button type="button" disabled={busy} onClick={() => void move({ freeze: true })}>
            {t('Freeze')}
          </button>
        )}
      </div>
      {error !== undefined && <Problem error={error} />}
    </>
  );
}

export function Page() {
  const [, tick] = useState(0);
  useEffect(() => {
    void readClock().catch(() => undefined);
    const timer = setInterval(() => tick((n) => n + 1), 1000);
    let due: ReturnType<typeof setTimeout> | undefined;
    const stop = onChange(() => {
      due ??= setTimeout(() => {
        due = undefined;
        void readClock().catch(() => undefined);
      }, 1000);
    });
    return () => {
      clearInterval(timer);
      clearTimeout(due);
      stop();
    };
  }, []);
  const now = clock.value;
  if (!now) return <Empty>{t('Loading…')}</Empty>;
  const scale = now.scale ?? 1;
  return (
    <>
      <h1>{t('Clock')}</h1>
      <div class="clock-big">
        <Time at={serverNow()} both />
        <span class="tag">
          {now.clock === 'real' ? t('real') : scale === 0 ? t('frozen') : t('runs {n} times as fast', { n: scale })}
        </span>
      </div>
      {now.clock === 'virtual' ? <Moves now={now} /> : <Empty>{t("The clock is the host's: it can't be moved. Start the server with --clock virtual to move it.")}</Empty>}
      {now.next_timer && (
        <p>
          {t('next timer')}: <Time at={Date.parse(now.next_timer) / 1000} both />{' '}
          <span class="faint">{relative(Date.parse(now.next_timer) / 1000, serverNow())}</span>
        </p>
      )}
      {now.clock === 'virtual' && scale === 0 && (
        <Panel title={t('Waits for the clock')}>
          {(now.waiting ?? []).length === 0 ? (
            <Empty>{t('Nothing waits for the clock.')}</Empty>
          ) : (
            <ul class="rows">
              {(now.waiting ?? []).map((each, i) => (
                <li key={i} class="row">
                  <span class="row-name">{each.what}</span>
                  <span class="row-time">
                    <Time at={Date.parse(each.at) / 1000} both />
                  </span>
                </li>
              ))}
            </ul>
          )}
        </Panel>
      )}
    </>
  );
}
