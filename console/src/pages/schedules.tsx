// Rules with schedules: when they fire next; enabled and disabled here.
import { useState } from 'preact/hooks';
import { call } from '../api';
import { relative } from '../format';
import { t } from '../i18n';
import { Empty, Problem, Time, useLoaded } from '../parts/ui';
import { listScheduled, type Scheduled } from '../schedules';
import { serverNow } from '../time';
import { useReloadOn } from './overview';

function RuleRow({ of, reload }: { of: Scheduled; reload: () => Promise<void> }) {
  const [error, setError] = useState<unknown>();
  const enabled = of.rule.State !== 'DISABLED';
  const toggle = async () => {
    try {
      await call('events', enabled ? 'DisableRule' : 'EnableRule', { Name: of.rule.Name });
      setError(undefined);
    } catch (failure) {
      setError(failure);
    }
    await reload();
  };
  return (
    <li class="row schedule" tabIndex={0} data-row>
      <span class="row-name">
        <strong>{of.rule.Name}</strong> <code>{of.rule.ScheduleExpression}</code>
        {of.rule.Description && <span class="faint block">{of.rule.Description}</span>}
      </span>
      <span class="row-time">
        {of.next === undefined ? (
          <span class="faint">{enabled ? '–' : t('disabled')}</span>
        ) : (
          <>
            <Time at={of.next} both /> <span class="faint">{relative(of.next, serverNow())}</span>
          </>
        )}
      </span>
      <button type="button" onClick={() => void toggle()}>
        {enabled ? t('Disable') : t('Enable')}
      </button>
      {error !== undefined && <Problem error={error} />}
    </li>
  );
}

export function Schedules() {
  const rules = useLoaded(listScheduled, []);
  useReloadOn(['rule', 'clock', 'execution'], rules.reload, 2000);
  const all = rules.value.value;
  return (
    <>
      <h1>{t('Schedules')}</h1>
      {rules.error.value !== undefined && <Problem error={rules.error.value} retry={() => void rules.reload()} />}
      {!all && rules.error.value === undefined && <Empty>{t('Loading…')}</Empty>}
      {all?.length === 0 && <Empty>{t('No rule has a schedule that is enabled.')}</Empty>}
      {all && all.length > 0 && (
        <ul class="rows panel">
          {all.map((each) => (
            <RuleRow key={each.rule.Arn} of={each} reload={rules.reload} />
          ))}
        </ul>
      )}
    </>
  );
}
