// Schedules and rules: a calendar of firings, rules with their targets, schedules, and a pattern
// tried against an event.
import { useState } from 'preact/hooks';
import { call, region } from '../api';
import { relative } from '../format';
import { t, type Text } from '../i18n';
import { Calendar } from '../parts/calendar';
import { Body, chosenTab, Facts, Live, Raw, Split, Table, Tabs } from '../parts/listing';
import { useReloadOn } from '../parts/reload';
import { Code, Empty, Panel, Pill, Problem, Time, useLoaded } from '../parts/ui';
import { go, place, url } from '../router';
import { canRun, firingsOfRules, firingsOfSchedules, listRules, listSchedules, runNow, setScheduleState, timesOf, wordsOf, type Firing, type Rule, type Schedule, type Target } from '../schedules';
import { serverNow } from '../time';

const TABS = [
  ['calendar', 'Calendar'],
  ['rules', 'Rules'],
  ['schedules', 'Schedules'],
  ['pattern', 'Try a pattern'],
] as const satisfies readonly (readonly [string, Text])[];
const NEXT = 8;

interface Everything {
  readonly rules: readonly Rule[];
  readonly schedules: readonly Schedule[];
  readonly firings: readonly Firing[];
}

async function loadEverything(): Promise<Everything> {
  const [rules, schedules] = await Promise.all([listRules(), listSchedules()]);
  const firings = (await Promise.all([firingsOfRules(rules), firingsOfSchedules(schedules)])).flat();
  return { rules, schedules, firings };
}

/** The words of an expression and its next firings. */
function Coming({ firing }: { firing: Firing }) {
  return (
    <Live load={() => timesOf(firing, serverNow(), NEXT)} keys={[firing.expression, firing.next]} kinds={['rule', 'clock']}>
      {({ words, times }) => (
        <>
          <p>
            <code>{firing.expression}</code> <strong>{wordsOf(firing.expression, words)}</strong> <span class="faint">{firing.zone}</span>
          </p>
          {firing.enabled ? (
            <ol class="times">
              {times.map((at) => (
                <li key={at}>
                  <Time at={at} both /> <span class="faint">{relative(at, serverNow())}</span>
                </li>
              ))}
            </ol>
          ) : (
            <p class="faint">{t('disabled')}</p>
          )}
        </>
      )}
    </Live>
  );
}

function targetLink(arn: string): string | undefined {
  const [, , service, , , kind, name] = arn.split(':');
  if (service === 'states' && kind === 'stateMachine') return url('executions', { machine: name ?? '' });
  if (service === 'sqs') return url('storage', { tab: 'queues', id: arn });
  if (service === 'sns') return url('storage', { tab: 'topics', id: arn });
  if (service === 'logs') return url('logs', { group: name ?? '' });
  return undefined;
}

function TargetRow({ target, run }: { target: Target; run: (() => void) | undefined }) {
  const to = targetLink(target.Arn);
  return (
    <li class="row">
      <span class="row-name wrap">{to ? <a href={to}>{target.Arn}</a> : target.Arn}</span>
      {target.DeadLetterConfig?.Arn && (
        <a class="tag" href={url('storage', { tab: 'queues', id: target.DeadLetterConfig.Arn })}>
          {t('dead letters')}
        </a>
      )}
      {run && (
        <button type="button" onClick={run}>
          {t('Run now')}
        </button>
      )}
      {target.Input && (
        <details class="block">
          <summary>{t('Input')}</summary>
          <Code text={target.Input} />
        </details>
      )}
    </li>
  );
}

const DAY = 86400;
const COUNTED = ['MatchedEvents', 'Invocations', 'FailedInvocations', 'InvocationsSentToDlq'] as const;

async function loadCounts(rule: Rule): Promise<number[]> {
  const to = Math.ceil(serverNow() / 60) * 60;
  const reply = await call<{ MetricDataResults: { Values: number[] }[] }>('cloudwatch', 'GetMetricData', {
    StartTime: to - DAY,
    EndTime: to,
    MetricDataQueries: COUNTED.map((MetricName, i) => ({
      Id: `m${i}`,
      MetricStat: { Metric: { Namespace: 'AWS/Events', MetricName, Dimensions: [{ Name: 'RuleName', Value: rule.Name }] }, Period: 3600, Stat: 'Sum' },
    })),
  });
  return reply.MetricDataResults.map(({ Values }) => Values.reduce((sum, each) => sum + each, 0));
}

function RuleDetail({ rule, firing, reload }: { rule: Rule; firing: Firing | undefined; reload: () => Promise<void> }) {
  const [error, setError] = useState<unknown>();
  const [done, setDone] = useState('');
  const enabled = rule.State !== 'DISABLED';
  const act = async (work: () => Promise<unknown>) => {
    try {
      await work();
      setError(undefined);
    } catch (failure) {
      setError(failure);
    }
    await reload();
  };
  const toggle = () => act(() => call('events', enabled ? 'DisableRule' : 'EnableRule', { Name: rule.Name, ...(rule.EventBusName ? { EventBusName: rule.EventBusName } : {}) }));
  const run = (target: Target) =>
    act(async () => {
      const arn = await runNow(rule, target, serverNow());
      setDone(arn);
      if (arn) go(url(`executions/${arn}`));
      else setDone('sent');
    });
  return (
    <Panel title={rule.Name} aside={<Pill status={enabled ? 'ENABLED' : 'DISABLED'} />}>
      <div class="detail">
        <Facts facts={[['description', rule.Description], ['event bus', rule.EventBusName]]} />
        {firing && <Coming firing={firing} />}
        {rule.EventPattern && (
          <>
            <Code text={rule.EventPattern} />
            <p>
              <a href={url('schedules', { tab: 'pattern', rule: rule.Name })}>{t('Try this pattern against an event')}</a>
            </p>
          </>
        )}
        <p class="tools">
          <button type="button" onClick={() => void toggle()}>
            {enabled ? t('Disable') : t('Enable')}
          </button>
          {done === 'sent' && <span class="faint">{t('Sent.')}</span>}
        </p>
        {error !== undefined && <Problem error={error} />}
        <h3>{t('Targets')}</h3>
        <Live load={async () => (await call<{ Targets: Target[] }>('events', 'ListTargetsByRule', { Rule: rule.Name, ...(rule.EventBusName ? { EventBusName: rule.EventBusName } : {}) })).Targets} keys={[rule.Arn]} kinds={['rule']}>
          {(targets) => (
            <ul class="rows">
              {targets.map((each) => (
                <TargetRow key={each.Id} target={each} run={firing && canRun(each) ? () => void run(each) : undefined} />
              ))}
            </ul>
          )}
        </Live>
        <h3>{t('Last 24 hours')}</h3>
        <Live load={() => loadCounts(rule)} keys={[rule.Arn]} kinds={['execution', 'clock']} apart={3000}>
          {([matched, invoked, failed, dead]) => (
            <Facts
              facts={[
                ['matched', String(matched ?? 0)],
                ['targets invoked', String(invoked ?? 0)],
                ['invocations failed', <span key="f" class={(failed ?? 0) > 0 ? 'bad' : ''}>{failed ?? 0}</span>],
                ['sent to dead letters', <span key="d" class={(dead ?? 0) > 0 ? 'bad' : ''}>{dead ?? 0}</span>],
              ]}
            />
          )}
        </Live>
        <Raw value={rule} />
      </div>
    </Panel>
  );
}

function Rules({ all, reload }: { all: Everything; reload: () => Promise<void> }) {
  const id = place.value.query.get('id') ?? '';
  const chosen = all.rules.find((each) => each.Name === id || each.Arn === id);
  const firingOf = (rule: Rule) => all.firings.find((each) => each.id === rule.Arn);
  return (
    <Split
      list={
        <Table
          title="Rules"
          rows={all.rules}
          keyOf={(each) => each.Arn}
          link={(each) => url('schedules', { tab: 'rules', id: each.Arn })}
          empty={t('No rule yet.')}
          columns={[
            { title: 'name', cell: (each) => each.Name },
            { title: 'status', cell: (each) => <Pill status={each.State.startsWith('ENABLED') ? 'ENABLED' : 'DISABLED'} /> },
            { title: 'schedule or pattern', cell: (each) => <code class="wrap">{each.ScheduleExpression ?? each.EventPattern}</code>, wide: true },
            {
              title: 'next',
              cell: (each) => {
                const next = firingOf(each)?.next;
                return next === undefined ? <span class="faint">–</span> : relative(next, serverNow());
              },
            },
          ]}
        />
      }
      detail={chosen && <RuleDetail key={chosen.Arn} rule={chosen} firing={firingOf(chosen)} reload={reload} />}
    />
  );
}

function ScheduleDetail({ schedule, firing, reload }: { schedule: Schedule; firing: Firing | undefined; reload: () => Promise<void> }) {
  const [error, setError] = useState<unknown>();
  const enabled = schedule.State !== 'DISABLED';
  const toggle = async () => {
    try {
      await setScheduleState(schedule, enabled ? 'DISABLED' : 'ENABLED');
      setError(undefined);
    } catch (failure) {
      setError(failure);
    }
    await reload();
  };
  return (
    <Panel title={schedule.Name} aside={<Pill status={enabled ? 'ENABLED' : 'DISABLED'} />}>
      <div class="detail">
        <Facts facts={[['description', schedule.Description], ['group', schedule.GroupName]]} />
        {firing && <Coming firing={firing} />}
        <p class="tools">
          <button type="button" onClick={() => void toggle()}>
            {enabled ? t('Disable') : t('Enable')}
          </button>
        </p>
        {error !== undefined && <Problem error={error} />}
        <h3>{t('Targets')}</h3>
        {schedule.Target && (
          <ul class="rows">
            <TargetRow target={schedule.Target} run={undefined} />
          </ul>
        )}
        <Raw value={schedule} />
      </div>
    </Panel>
  );
}

function Schedules({ all, reload }: { all: Everything; reload: () => Promise<void> }) {
  const id = place.value.query.get('id') ?? '';
  const chosen = all.schedules.find((each) => each.Arn === id);
  const firingOf = (schedule: Schedule) => all.firings.find((each) => each.id === schedule.Arn);
  return (
    <Split
      list={
        <Table
          title="Schedules"
          rows={all.schedules}
          keyOf={(each) => each.Arn}
          link={(each) => url('schedules', { tab: 'schedules', id: each.Arn })}
          empty={t('No schedule of EventBridge Scheduler yet.')}
          columns={[
            { title: 'name', cell: (each) => each.Name },
            { title: 'status', cell: (each) => <Pill status={each.State} /> },
            { title: 'schedule', cell: (each) => <code class="wrap">{each.ScheduleExpression}</code>, wide: true },
            {
              title: 'next',
              cell: (each) => {
                const next = firingOf(each)?.next;
                return next === undefined ? <span class="faint">–</span> : relative(next, serverNow());
              },
            },
          ]}
        />
      }
      detail={chosen && <ScheduleDetail key={chosen.Arn} schedule={chosen} firing={firingOf(chosen)} reload={reload} />}
    />
  );
}

const EVENT = () =>
  JSON.stringify(
    {
      version: '0',
      id: '11112222-3333-4444-5555-666677778888',
      'detail-type': 'Step Functions Execution Status Change',
      source: 'aws.states',
      account: '000000000000',
      time: new Date(serverNow() * 1000).toISOString().replace(/\.\d+Z$/, 'Z'),
      region: region.value,
      resources: [],
      detail: { status: 'FAILED' },
    },
    null,
    2,
  );

function TryPattern({ rules }: { rules: readonly Rule[] }) {
  const named = rules.find((each) => each.Name === place.value.query.get('rule'));
  const [pattern, setPattern] = useState(named?.EventPattern ? JSON.stringify(JSON.parse(named.EventPattern), null, 2) : '{\n  "source": ["aws.states"]\n}');
  const [event, setEvent] = useState(EVENT);
  const [verdict, setVerdict] = useState<boolean | undefined>();
  const [error, setError] = useState<unknown>();
  const attempt = async (submitted: Event) => {
    submitted.preventDefault();
    try {
      const { Result } = await call<{ Result: boolean }>('events', 'TestEventPattern', { EventPattern: pattern, Event: event });
      setVerdict(Result);
      setError(undefined);
    } catch (failure) {
      setVerdict(undefined);
      setError(failure);
    }
  };
  const field = (label: Text, value: string, set: (text: string) => void) => (
    <Panel title={t(label)}>
      <div class="pad">
        <textarea
          aria-label={t(label)}
          rows={18}
          spellcheck={false}
          value={value}
          onInput={(typed) => {
            set(typed.currentTarget.value);
            setVerdict(undefined);
          }}
        />
      </div>
    </Panel>
  );
  return (
    <form onSubmit={(submitted) => void attempt(submitted)}>
      <div class="grid">
        <div>{field('Pattern', pattern, setPattern)}</div>
        <div>{field('Event', event, setEvent)}</div>
      </div>
      <p class="tools">
        <button type="submit" class="main">
          {t('Try')}
        </button>
        <span role="status">{verdict !== undefined && <Pill status={verdict ? 'SUCCEEDED' : 'FAILED'} words={verdict ? t('The pattern matches.') : t('The pattern does not match.')} />}</span>
      </p>
      {error !== undefined && <Problem error={error} />}
    </form>
  );
}

export function Page() {
  const loaded = useLoaded(loadEverything, []);
  useReloadOn(['rule', 'clock', 'execution'], loaded.reload, 2000);
  const tab = place.value.query.has('id') && !place.value.query.has('tab') ? 'rules' : chosenTab(TABS);
  return (
    <>
      <h1>{t('Schedules and rules')}</h1>
      <Tabs tabs={TABS} chosen={tab} />
      <Body loaded={loaded}>
        {(all) => (
          <>
            {tab === 'calendar' && (all.firings.length === 0 ? <Empty>{t('No rule has a schedule that is enabled.')}</Empty> : <Calendar firings={all.firings} />)}
            {tab === 'rules' && <Rules all={all} reload={loaded.reload} />}
            {tab === 'schedules' && <Schedules all={all} reload={loaded.reload} />}
            {tab === 'pattern' && <TryPattern rules={all.rules} />}
          </>
        )}
      </Body>
    </>
  );
}
