// What runs, what failed, what fires next, what is alarmed.
import { call } from '../api';
import { lastPart, relative } from '../format';
import { t } from '../i18n';
import { Body } from '../parts/listing';
import { useReloadOn } from '../parts/reload';
import { Empty, Panel, Pill, Time, Took, useLoaded } from '../parts/ui';
import { url } from '../router';
import { loadStacks, type Stack } from '../stacks';
import { listFirings, type Firing } from '../schedules';
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

function FiringRows({ all }: { all: readonly Firing[] }) {
  const coming = all.filter((each) => each.next !== undefined).slice(0, SHOWN_MAX);
  if (coming.length === 0) return <Empty>{t('No rule has a schedule that is enabled.')}</Empty>;
  return (
    <ul class="rows">
      {coming.map(({ id, name, next, kind }) => (
        <li key={id}>
          <a data-row href={url('schedules', { tab: kind === 'rule' ? 'rules' : 'schedules', id })}>
            <span class="row-name">
              {name} <span class="faint">{relative(next as number, serverNow())}</span>
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
        <li key={alarm.AlarmName}>
          <a data-row href={url('metrics')} title={alarm.StateReason}>
            <Pill status={alarm.StateValue} />
            <span class="row-name">{alarm.AlarmName}</span>
          </a>
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
        <li key={task.taskArn}>
          <a data-row href={url('ecs', { tab: 'tasks', id: task.taskArn })}>
          <Pill status={task.lastStatus} />
          <span class="row-name">
            {lastPart(task.taskDefinitionArn.replace(/:(\d+)$/, ' $1'))} <span class="faint">{task.group}</span>
          </span>
          <span class="row-time">{task.createdAt && <Took from={task.createdAt} />}</span>
          </a>
        </li>
      ))}
    </ul>
  );
}

function DeploymentRows({ stacks }: { stacks: readonly Stack[] }) {
  if (stacks.length === 0) return <Empty>{t('No stack yet. Deploy one, for example with ./run or cdk deploy.')}</Empty>;
  return (
    <ul class="rows">
      {stacks.slice(0, SHOWN_MAX).map((stack) => (
        <li key={stack.name}>
          <a data-row href={url('stacks', { id: stack.name })}>
            <Pill status={stack.status} />
            <span class="row-name">{stack.name}</span>
            <span class="row-time">
              <Time at={stack.changed} />
            </span>
          </a>
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
        <li key={machine.stateMachineArn} class="row">
          <a data-row class="row-name" href={url('executions', { machine: machine.name })}>
            {machine.name}
          </a>
          <a href={url(`machines/${machine.name}`)} aria-label={`${t('Definition')}: ${machine.name}`}>
            {t('Definition')}
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

export function Overview() {
  const lately = useLoaded(loadLately, []);
  const schedules = useLoaded(listFirings, []);
  const alarms = useLoaded(loadAlarms, []);
  const tasks = useLoaded(loadTasks, []);
  const stacks = useLoaded(loadStacks, []);
  useReloadOn(['execution', 'machine'], lately.reload);
  useReloadOn(['rule', 'clock', 'execution'], schedules.reload, 2000);
  useReloadOn(['alarm'], alarms.reload);
  useReloadOn(['task'], tasks.reload);
  useReloadOn(['stack'], stacks.reload);
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
          <Panel title={t('Deployments')} aside={<a href={url('stacks')}>{t('Show all')}</a>}>
            <Body loaded={stacks}>{(all) => <DeploymentRows stacks={all} />}</Body>
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
