// What runs, what failed, what fires next, what is alarmed.
import { useEffect } from 'preact/hooks';
import { call } from '../api';
import { onChange } from '../feed';
import { lastPart, relative } from '../format';
import { t } from '../i18n';
import { Empty, Panel, Pill, Problem, Time, Took, useLoaded, type Loaded } from '../parts/ui';
import { url } from '../router';
import { listScheduled, type Scheduled } from '../schedules';
import { eachOf, listExecutions, listMachines, newestFirst, type Execution, type Machine } from '../states';
import { serverNow } from '../time';

const MACHINES_MAX = 40; // ListExecutions wants one machine at a time.
const EACH_MAX = 10;
const SHOWN_MAX = 12;

interface Lately {
  readonly machines: readonly Machine[];
  readonly running: readonly Execution[];
  readonly failed: readonly Execution[];
}

async function loadLately(): Promise<Lately> {
  const machines = (await listMachines()).filter((machine) => machine.type === 'STANDARD');
  const find = async (status: string) => {
    const pages = await eachOf(machines.slice(0, MACHINES_MAX), 6, (machine) => listExecutions(machine.stateMachineArn, status, EACH_MAX));
    return pages.flatMap((page) => page.executions).sort(newestFirst).slice(0, SHOWN_MAX);
  };
  const [running, failed, timedOut] = await Promise.all([find('RUNNING'), find('FAILED'), find('TIMED_OUT')]);
  return { machines, running, failed: [...failed, ...timedOut].sort(newestFirst).slice(0, SHOWN_MAX) };
}

interface Alarm {
  readonly AlarmName: string;
  readonly StateValue: string;
  readonly StateReason?: string;
}

async function loadAlarms(): Promise<Alarm[]> {
  const page = await call<{ MetricAlarms?: Alarm[]; CompositeAlarms?: Alarm[] }>('cloudwatch', 'DescribeAlarms', { MaxRecords: 100 });
  const rank = (alarm: Alarm) => ['ALARM', 'INSUFFICIENT_DATA', 'OK'].indexOf(alarm.StateValue);
  return [...(page.MetricAlarms ?? []), ...(page.CompositeAlarms ?? [])].sort((a, b) => rank(a) - rank(b));
}

interface Task {
  readonly taskArn: string;
  readonly lastStatus: string;
  readonly group?: string;
  readonly createdAt?: number;
  readonly taskDefinitionArn: string;
}

async function loadTasks(): Promise<Task[]> {
  const { clusterArns } = await call<{ clusterArns: string[] }>('ecs', 'ListClusters', {});
  const lists = await eachOf(clusterArns.slice(0, 20), 4, async (cluster) => {
    const { taskArns } = await call<{ taskArns: string[] }>('ecs', 'ListTasks', { cluster, maxResults: 50 });
    if (taskArns.length === 0) return [];
    return (await call<{ tasks: Task[] }>('ecs', 'DescribeTasks', { cluster, tasks: taskArns })).tasks;
  });
  return lists.flat().slice(0, SHOWN_MAX);
}

export function ExecutionRows({ executions }: { executions: readonly Execution[] }) {
  return (
    <ul class="rows">
      {executions.map((each) => (
        <li key={each.executionArn}>
          <a data-row href={url(`executions/${each.executionArn}`)}>
            <Pill status={each.status} />
            <span class="row-name">
              {lastPart(each.stateMachineArn)} <span class="faint">{each.name}</span>
            </span>
            <span class="row-time">
              <Time at={each.startDate} /> <Took from={each.startDate} to={each.stopDate} />
            </span>
          </a>
        </li>
      ))}
    </ul>
  );
}

function Body<T>({ loaded, children }: { loaded: Loaded<T>; children: (value: T) => preact.ComponentChildren }) {
  if (loaded.error.value) return <Problem error={loaded.error.value} retry={() => void loaded.reload()} />;
  if (loaded.value.value === undefined) return <Empty>{t('Loading…')}</Empty>;
  return <>{children(loaded.value.value)}</>;
}

function FiringRows({ all }: { all: readonly Scheduled[] }) {
  const coming = all.filter((each) => each.next !== undefined).slice(0, SHOWN_MAX);
  if (coming.length === 0) return <Empty>{t('No rule has a schedule that is enabled.')}</Empty>;
  return (
    <ul class="rows">
      {coming.map(({ rule, next }) => (
        <li key={rule.Arn}>
          <a data-row href={url('schedules')}>
            <span class="row-name">
              {rule.Name} <span class="faint">{relative(next as number, serverNow())}</span>
            </span>
            <span class="row-time">
              <Time at={next as number} both />
            </span>
          </a>
        </li>
      ))}
    </ul>
  );
}

function AlarmRows({ alarms }: { alarms: readonly Alarm[] }) {
  if (alarms.length === 0) return <Empty>{t('No alarms.')}</Empty>;
  return (
    <ul class="rows">
      {alarms.slice(0, SHOWN_MAX).map((alarm) => (
        <li key={alarm.AlarmName} class="row">
          <Pill status={alarm.StateValue} />
          <span class="row-name" title={alarm.StateReason}>
            {alarm.AlarmName}
          </span>
        </li>
      ))}
    </ul>
  );
}

function TaskRows({ tasks }: { tasks: readonly Task[] }) {
  if (tasks.length === 0) return <Empty>{t('No tasks run.')}</Empty>;
  return (
    <ul class="rows">
      {tasks.map((task) => (
        <li key={task.taskArn} class="row">
          <span class="tag">{task.lastStatus}</span>
          <span class="row-name">
            {lastPart(task.taskDefinitionArn.replace(/:(\d+)$/, ' $1'))} <span class="faint">{task.group}</span>
          </span>
          <span class="row-time">{task.createdAt && <Took from={task.createdAt} />}</span>
        </li>
      ))}
    </ul>
  );
}

function MachineRows({ machines }: { machines: readonly Machine[] }) {
  if (machines.length === 0) return <Empty>{t('No state machine yet. Deploy one, for example with ./run or cdk deploy.')}</Empty>;
  return (
    <ul class="rows">
      {machines.slice(0, MACHINES_MAX).map((machine) => (
        <li key={machine.stateMachineArn}>
          <a data-row href={url('executions', { machine: machine.name })}>
            <span class="row-name">{machine.name}</span>
          </a>
        </li>
      ))}
    </ul>
  );
}

function RunningRows({ lately }: { lately: Lately }) {
  if (lately.running.length > 0) return <ExecutionRows executions={lately.running} />;
  if (lately.machines.length === 0) return <Empty>{t('No state machine yet. Deploy one, for example with ./run or cdk deploy.')}</Empty>;
  return (
    <Empty>
      {t('Nothing runs.')} {t('Start one:')} <code>kiban start {lately.machines[0]?.name} --follow</code>
    </Empty>
  );
}

/** Calls `reload` after changes of these kinds, at most once in `apart` milliseconds. */
export function useReloadOn(kinds: readonly string[], reload: () => Promise<void>, apart = 700): void {
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = onChange((change) => {
      if (change.kind !== 'reset' && !kinds.includes(change.kind)) return;
      timer ??= setTimeout(() => {
        timer = undefined;
        void reload();
      }, apart);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, []);
}

export function Overview() {
  const lately = useLoaded(loadLately, []);
  const schedules = useLoaded(listScheduled, []);
  const alarms = useLoaded(loadAlarms, []);
  const tasks = useLoaded(loadTasks, []);
  useReloadOn(['execution', 'machine'], lately.reload);
  useReloadOn(['rule', 'clock', 'execution'], schedules.reload, 2000);
  useReloadOn(['alarm'], alarms.reload);
  useReloadOn(['task'], tasks.reload);
  const machines = lately.value.value?.machines ?? [];
  return (
    <>
      <h1>{t('Overview')}</h1>
      <div class="grid">
        <div>
          <Panel title={t('Running')} aside={<a href={url('executions', { status: 'RUNNING' })}>{t('Show all')}</a>}>
            <Body loaded={lately}>{(value) => <RunningRows lately={value} />}</Body>
          </Panel>
          <Panel title={t('Fires next')}>
            <Body loaded={schedules}>{(all) => <FiringRows all={all} />}</Body>
          </Panel>
          <Panel title={t('Tasks')}>
            <Body loaded={tasks}>{(all) => <TaskRows tasks={all} />}</Body>
          </Panel>
        </div>
        <div>
          <Panel title={t('Failed lately')} aside={<a href={url('executions', { status: 'FAILED' })}>{t('Show all')}</a>}>
            <Body loaded={lately}>
              {(value) => (value.failed.length > 0 ? <ExecutionRows executions={value.failed} /> : <Empty>{t('Nothing failed.')}</Empty>)}
            </Body>
          </Panel>
          <Panel title={t('Alarms')}>
            <Body loaded={alarms}>{(all) => <AlarmRows alarms={all} />}</Body>
          </Panel>
          <Panel title={t('State machines')}>
            <Body loaded={lately}>{(value) => <MachineRows machines={value.machines} />}</Body>
          </Panel>
        </div>
      </div>
      {machines.length > MACHINES_MAX && (
        <p class="faint">{t('The first {n} of {all} state machines are looked at.', { n: MACHINES_MAX, all: machines.length })}</p>
      )}
    </>
  );
}
