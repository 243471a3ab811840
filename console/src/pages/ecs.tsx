// ECS: services with their deployments and events, tasks with their containers, logs and why they stopped.
import { call } from '../api';
import { lastPart } from '../format';
import { t, type Text } from '../i18n';
import { findTask } from '../model/task';
import { Body, chosenTab, Facts, listAll, Live, Raw, Split, Table, Tabs } from '../parts/listing';
import { useReloadOn } from '../parts/reload';
import { TaskPart } from '../parts/task';
import { Empty, Panel, Pill, Time, Took, useLoaded } from '../parts/ui';
import { place, url } from '../router';
import { eachOf } from '../states';

interface Service {
  readonly serviceArn: string;
  readonly serviceName: string;
  readonly clusterArn: string;
  readonly status: string;
  readonly desiredCount: number;
  readonly runningCount: number;
  readonly pendingCount: number;
  readonly taskDefinition: string;
  readonly launchType?: string;
  readonly createdAt?: number;
  readonly deployments?: readonly Deployment[];
  readonly events?: readonly { readonly id: string; readonly createdAt: number; readonly message: string }[];
}

interface Deployment {
  readonly id: string;
  readonly status: string;
  readonly rolloutState?: string;
  readonly rolloutStateReason?: string;
  readonly taskDefinition: string;
  readonly desiredCount: number;
  readonly runningCount: number;
  readonly failedTasks?: number;
  readonly createdAt?: number;
}

interface Task {
  readonly taskArn: string;
  readonly clusterArn: string;
  readonly taskDefinitionArn: string;
  readonly lastStatus: string;
  readonly desiredStatus: string;
  readonly group?: string;
  readonly startedBy?: string;
  readonly createdAt?: number;
  readonly startedAt?: number;
  readonly stoppedAt?: number;
  readonly stoppedReason?: string;
  readonly stopCode?: string;
  readonly cpu?: string;
  readonly memory?: string;
  readonly healthStatus?: string;
}

const TABS = [
  ['tasks', 'Tasks'],
  ['services', 'Services'],
] as const satisfies readonly (readonly [string, Text])[];
const CLUSTERS_MAX = 50;

const chunks = <T,>(all: readonly T[], size: number): T[][] => Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size));

const clusters = async () => (await listAll<string>('ecs', 'ListClusters', {}, 'clusterArns', 'nextToken')).slice(0, CLUSTERS_MAX);

async function loadServices(): Promise<Service[]> {
  const found = await eachOf(await clusters(), 4, async (cluster) => {
    const arns = await listAll<string>('ecs', 'ListServices', { cluster, maxResults: 100 }, 'serviceArns', 'nextToken');
    const pages = await eachOf(chunks(arns, 10), 3, (services) => call<{ services: Service[] }>('ecs', 'DescribeServices', { cluster, services }));
    return pages.flatMap((page) => page.services);
  });
  return found.flat().sort((a, b) => a.serviceName.localeCompare(b.serviceName));
}

async function loadTasks(): Promise<Task[]> {
  const found = await eachOf(await clusters(), 4, async (cluster) => {
    const lists = await Promise.all(['RUNNING', 'STOPPED'].map((desiredStatus) => listAll<string>('ecs', 'ListTasks', { cluster, desiredStatus }, 'taskArns', 'nextToken')));
    const pages = await eachOf(chunks([...new Set(lists.flat())], 100), 3, (tasks) => call<{ tasks: Task[] }>('ecs', 'DescribeTasks', { cluster, tasks }));
    return pages.flatMap((page) => page.tasks);
  });
  return found.flat().sort((a, b) => Number(a.lastStatus === 'STOPPED') - Number(b.lastStatus === 'STOPPED') || (b.createdAt ?? 0) - (a.createdAt ?? 0));
}

const definitionName = (arn: string) => arn.slice(arn.lastIndexOf('/') + 1);
const badStop = (task: Task) => task.lastStatus === 'STOPPED' && task.stopCode !== 'UserInitiated' && task.stopCode !== 'ServiceSchedulerInitiated' && !!task.stoppedReason;

function TaskDetail({ task }: { task: Task }) {
  const found = findTask(JSON.stringify(task));
  const execution = /^AWS Step Functions$/.test(task.startedBy ?? '');
  return (
    <Panel title={`${t('Task')} ${lastPart(task.taskArn)}`}>
      <div class="detail">
        <Facts
          facts={[
            ['status', <Pill key="s" status={task.lastStatus} />],
            ['why it stopped', task.stoppedReason && <span class={badStop(task) ? 'bad' : ''}>{`${task.stopCode ?? ''} · ${task.stoppedReason}`}</span>],
            ['cluster', lastPart(task.clusterArn)],
            ['task definition', definitionName(task.taskDefinitionArn)],
            ['group', task.group],
            ['started by', execution ? t('a state machine') : task.startedBy],
            ['cpu and memory', task.cpu && `${task.cpu} · ${task.memory} MiB`],
            ['health', task.healthStatus === 'UNKNOWN' ? '' : task.healthStatus],
            ['created', task.createdAt && <Time at={task.createdAt} both />],
            ['stopped', task.stoppedAt && <Time at={task.stoppedAt} both />],
          ]}
        />
        {found && <TaskPart key={task.taskArn} found={found} />}
        <Raw value={task} />
      </div>
    </Panel>
  );
}

function ServiceDetail({ service }: { service: Service }) {
  return (
    <Panel title={`${t('Service')} ${service.serviceName}`}>
      <div class="detail">
        <Facts
          facts={[
            ['status', <Pill key="s" status={service.status} />],
            ['cluster', lastPart(service.clusterArn)],
            ['task definition', definitionName(service.taskDefinition)],
            ['tasks', `${service.runningCount} / ${service.desiredCount}`],
            ['created', service.createdAt && <Time at={service.createdAt} both />],
          ]}
        />
        <h3>{t('Deployments')}</h3>
        {(service.deployments ?? []).map((each) => (
          <div key={each.id} class="line-item">
            <Pill status={each.rolloutState ?? each.status} /> {definitionName(each.taskDefinition)} · {each.runningCount} / {each.desiredCount}
            {(each.failedTasks ?? 0) > 0 && <span class="bad"> · {t('{n} failed', { n: each.failedTasks ?? 0 })}</span>}
            {each.rolloutStateReason && <span class="faint block">{each.rolloutStateReason}</span>}
          </div>
        ))}
        <h3>{t('Events')}</h3>
        {(service.events ?? []).length === 0 && <Empty>{t('No events.')}</Empty>}
        <ul class="rows">
          {(service.events ?? []).slice(0, 50).map((each) => (
            <li key={each.id} class="row">
              <span class="row-time">
                <Time at={each.createdAt} />
              </span>
              <span class="row-name plain">{each.message}</span>
            </li>
          ))}
        </ul>
        <p>
          <a href={url('ecs', { tab: 'tasks', of: service.serviceName })}>{t('Tasks of this service')}</a>
        </p>
        <Raw value={service} />
      </div>
    </Panel>
  );
}

function Services() {
  const id = place.value.query.get('id') ?? '';
  return (
    <Live load={loadServices} kinds={['task', 'service']}>
      {(all) => {
        const chosen = all.find((each) => each.serviceArn === id);
        return (
          <Split
            list={
              <Table
                title="Services"
                rows={all}
                keyOf={(each) => each.serviceArn}
                link={(each) => url('ecs', { tab: 'services', id: each.serviceArn })}
                empty={t('No service runs. A stack with an ECS service makes one.')}
                columns={[
                  { title: 'name', cell: (each) => each.serviceName },
                  { title: 'status', cell: (each) => <Pill status={each.status} /> },
                  { title: 'tasks', cell: (each) => <span class={each.runningCount < each.desiredCount ? 'bad' : ''}>{`${each.runningCount} / ${each.desiredCount}`}</span> },
                  { title: 'task definition', cell: (each) => definitionName(each.taskDefinition), wide: true },
                  { title: 'cluster', cell: (each) => lastPart(each.clusterArn), wide: true },
                ]}
              />
            }
            detail={chosen && <ServiceDetail service={chosen} />}
          />
        );
      }}
    </Live>
  );
}

function Tasks() {
  const { query } = place.value;
  const id = query.get('id') ?? '';
  const of = query.get('of') ?? '';
  const loaded = useLoaded(loadTasks, []);
  useReloadOn(['task'], loaded.reload);
  return (
    <Body loaded={loaded}>
      {(every) => {
        const all = of === '' ? every : every.filter((each) => each.group === `service:${of}`);
        const chosen = every.find((each) => each.taskArn === id);
        return (
          <Split
            list={
              <Table
                title="Tasks"
                rows={all}
                keyOf={(each) => each.taskArn}
                link={(each) => url('ecs', { tab: 'tasks', of, id: each.taskArn })}
                words={(each) => `${each.taskArn} ${each.group} ${each.lastStatus} ${each.stoppedReason}`}
                empty={t('No tasks. Stopped tasks are kept for an hour.')}
                columns={[
                  { title: 'task', cell: (each) => lastPart(each.taskArn).slice(0, 12) },
                  { title: 'status', cell: (each) => <Pill status={each.lastStatus} /> },
                  { title: 'task definition', cell: (each) => definitionName(each.taskDefinitionArn) },
                  { title: 'created', cell: (each) => each.createdAt && <Time at={each.createdAt} />, wide: true },
                  { title: 'took', cell: (each) => each.startedAt && <Took from={each.startedAt} to={each.stoppedAt} />, wide: true },
                  { title: 'why it stopped', cell: (each) => <span class={badStop(each) ? 'bad' : 'faint'}>{each.stoppedReason}</span>, wide: true },
                ]}
              />
            }
            detail={chosen && <TaskDetail task={chosen} />}
          />
        );
      }}
    </Body>
  );
}

export function Page() {
  const tab = chosenTab(TABS);
  return (
    <>
      <h1>ECS</h1>
      <Tabs tabs={TABS} chosen={tab} />
      {tab === 'services' ? <Services /> : <Tasks />}
    </>
  );
}
