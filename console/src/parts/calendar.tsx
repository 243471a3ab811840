// A week of firings: two days past, today and four to come, in the reader's zone or in UTC.
import { useState } from 'preact/hooks';
import { zone } from '../format';
import { language, t } from '../i18n';
import { dayOf, firingsByDay, type Timed } from '../model/calendar';
import { Live } from './listing';
import { url } from '../router';
import { timesOf, type Firing } from '../schedules';
import { eachOf } from '../states';
import { serverNow } from '../time';

const DAYS_BEFORE = 2;
const DAYS = 7;
const TIMES_MAX = 500; // Of each expression.
const LISTED_MAX = 4; // Times of one rule that a day lists.

async function load(firings: readonly Firing[], from: number): Promise<Timed[]> {
  return eachOf(firings.filter((each) => each.enabled), 6, async (firing) => {
    const { times } = await timesOf(firing, from - 1, TIMES_MAX);
    return { name: firing.name, id: firing.id, kind: firing.kind, times, cut: times.length >= TIMES_MAX };
  });
}

export function Calendar({ firings }: { firings: readonly Firing[] }) {
  const [local, setLocal] = useState(zone !== 'UTC');
  const [week, setWeek] = useState(0);
  const offset = local ? -new Date(serverNow() * 1000).getTimezoneOffset() * 60 : 0;
  const today = dayOf(serverNow(), offset);
  const first = today + (week * DAYS - DAYS_BEFORE) * 86400;
  const title = (day: number) => new Intl.DateTimeFormat(language.value, { weekday: 'short', month: 'short', day: 'numeric', timeZone: 'UTC' }).format((day + offset) * 1000);
  const clock = (at: number) => new Date((at + offset) * 1000).toISOString().slice(11, 16);
  return (
    <>
      <p class="tools">
        <button type="button" onClick={() => setWeek(week - 1)} aria-label={t('Earlier')}>
          ←
        </button>
        <button type="button" onClick={() => setWeek(0)} disabled={week === 0}>
          {t('Today')}
        </button>
        <button type="button" onClick={() => setWeek(week + 1)} aria-label={t('Later')}>
          →
        </button>
        <select aria-label={t('Time zone')} value={local ? 'local' : 'utc'} onChange={(event) => setLocal(event.currentTarget.value === 'local')}>
          <option value="utc">UTC</option>
          {zone !== 'UTC' && <option value="local">{zone}</option>}
        </select>
        <span class="faint">{t('By the expressions as they are now: times in the past are those at which they would have fired.')}</span>
      </p>
      <Live load={() => load(firings, first)} keys={[first, firings]} kinds={['rule', 'clock']} apart={2000}>
        {(timed) => (
          <div class="calendar">
            {firingsByDay(timed, first, DAYS).map(({ day, rules }) => (
              <section key={day} class={`day ${day === today ? 'today' : ''} ${day < today ? 'past' : ''}`} aria-label={title(day)}>
                <h2>{title(day)}</h2>
                {rules.length === 0 && <p class="faint">–</p>}
                {rules.map(({ timed: one, times, more }) => (
                  <a key={one.id} class="firing" href={url('schedules', { tab: one.kind === 'rule' ? 'rules' : 'schedules', id: one.id })}>
                    <strong>{one.name}</strong>
                    <span class="number">
                      {times.slice(0, LISTED_MAX).map(clock).join(' ')}
                      {times.length > LISTED_MAX && ` … ${t('{n} in all', { n: `${times.length}${more ? '+' : ''}` })}`}
                    </span>
                  </a>
                ))}
              </section>
            ))}
          </div>
        )}
      </Live>
    </>
  );
}
