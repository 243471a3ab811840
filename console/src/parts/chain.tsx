// What led to an execution, and what follows from it.
import { call } from '../api';
import { lastPart } from '../format';
import { t, type Text } from '../i18n';
import { Live } from './listing';
import { Panel, Pill } from './ui';
import { url } from '../router';
import type { Described } from '../states';
import type { Visit } from '../model/history';

interface Hop {
  readonly kind: Text;
  readonly name: string;
  readonly to: string | undefined;
  readonly status?: string;
}

const PARENT = 'AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID';

/** Names of the executions that rules start: two UUIDs. */
const byRule = (name: string) => /^[0-9a-f-]{36}_[0-9a-f-]{36}$/.test(name);

function givenParent(input: string | undefined): string | undefined {
  try {
    const parent = (JSON.parse(input ?? '{}') as Record<string, unknown>)[PARENT];
    return typeof parent === 'string' ? parent : undefined;
  } catch {
    return undefined;
  }
}

const executionHop = (arn: string): Hop => ({ kind: 'Execution', name: arn.split(':').slice(6).join(':'), to: url(`executions/${arn}`) });

async function loadUp(described: Described): Promise<Hop[]> {
  const parent = givenParent(described.input);
  if (parent) return [executionHop(parent)];
  if (described.mapRunArn) {
    const { executionArn } = await call<{ executionArn: string }>('states', 'DescribeMapRun', { mapRunArn: described.mapRunArn });
    return [executionHop(executionArn)];
  }
  const { RuleNames } = await call<{ RuleNames: string[] }>('events', 'ListRuleNamesByTarget', { TargetArn: described.stateMachineArn });
  const kind: Text = byRule(described.name) ? 'Rule' : 'Rule that can start it';
  return RuleNames.map((name) => ({ kind, name, to: url('schedules', { tab: 'rules', id: name }) }));
}

interface Alarm {
  readonly AlarmName: string;
  readonly StateValue: string;
  readonly Dimensions?: readonly { readonly Name: string; readonly Value: string }[];
}

async function loadAlarms(machine: string): Promise<Hop[]> {
  const { MetricAlarms } = await call<{ MetricAlarms?: Alarm[] }>('cloudwatch', 'DescribeAlarms', { MaxRecords: 100 });
  return (MetricAlarms ?? [])
    .filter((alarm) => alarm.Dimensions?.some((each) => each.Value === machine))
    .map((alarm) => ({ kind: 'Alarm' as Text, name: alarm.AlarmName, to: url('metrics'), status: alarm.StateValue }));
}

/** The services that the states called, each once, with the page that shows more. */
function calledBy(visits: readonly Visit[]): Hop[] {
  const resources = new Set(visits.flatMap((visit) => visit.attempts.map((attempt) => attempt.resource)));
  const pages: Record<string, readonly [Text, string]> = {
    sns: ['Topic', url('storage', { tab: 'topics' })],
    sqs: ['Queue', url('storage', { tab: 'queues' })],
    ecs: ['ECS task', url('ecs')],
    events: ['Event', url('schedules', { tab: 'rules' })],
  };
  return [...resources].flatMap((resource) => {
    const page = pages[resource.split(':')[0] ?? ''];
    return page ? [{ kind: page[0], name: resource, to: page[1] }] : [];
  });
}

function Hops({ title, hops, empty }: { title: string; hops: readonly Hop[]; empty: string }) {
  return (
    <div class="chain-part">
      <h3>{title}</h3>
      {hops.length === 0 && <p class="faint">{empty}</p>}
      <ul class="chain">
        {hops.map((hop) => (
          <li key={`${hop.kind}${hop.name}`}>
            <span class="faint">{t(hop.kind)}</span> {hop.to ? <a href={hop.to}>{hop.name}</a> : hop.name} {hop.status && <Pill status={hop.status} />}
          </li>
        ))}
      </ul>
    </div>
  );
}

export function Chain({ described, visits }: { described: Described; visits: readonly Visit[] }) {
  return (
    <Panel title={t('Before and after')}>
      <div class="chain-row detail">
        <Live load={() => loadUp(described)} keys={[described.executionArn]}>
          {(hops) => <Hops title={t('What led to it')} hops={hops} empty={t('A call of StartExecution: nothing of it says whose.')} />}
        </Live>
        <div class="chain-part">
          <h3>{t('State machine')}</h3>
          <p>
            <a href={url(`machines/${lastPart(described.stateMachineArn)}`)}>{lastPart(described.stateMachineArn)}</a>
          </p>
        </div>
        <Live load={() => loadAlarms(described.stateMachineArn)} keys={[described.stateMachineArn]} kinds={['alarm']}>
          {(alarms) => <Hops title={t('What follows from it')} hops={[...calledBy(visits), ...alarms]} empty={t('It called no other service, and no alarm watches its machine.')} />}
        </Live>
      </div>
    </Panel>
  );
}
