// The ECS task behind a state: its containers, how they ended, and what they wrote.
import { useEffect, useState } from 'preact/hooks';
import { call } from '../api';
import { lastPart } from '../format';
import { t } from '../i18n';
import { findTask, type FoundContainer, type FoundTask } from '../model/task';
import { useReloadEvery, useReloadOn } from './reload';
import { Empty, Problem } from './ui';

const LINES_MAX = 200;

interface LogPlace {
  readonly group: string;
  readonly stream: string;
}

interface Described {
  readonly task: FoundTask;
  readonly gone: boolean;
  readonly logs: ReadonlyMap<string, LogPlace>; // By container.
}

interface TaskDefinition {
  readonly containerDefinitions: readonly {
    readonly name: string;
    readonly logConfiguration?: { readonly logDriver: string; readonly options?: Record<string, string> };
  }[];
}

async function describe(found: FoundTask): Promise<Described> {
  let task = found;
  let gone = true;
  const reply = await call<{ tasks: { taskDefinitionArn: string }[] }>('ecs', 'DescribeTasks', { cluster: found.cluster, tasks: [found.arn] });
  if (reply.tasks[0]) {
    gone = false;
    task = findTask(JSON.stringify(reply.tasks[0])) ?? found;
  }
  const logs = new Map<string, LogPlace>();
  if (task.definition) {
    const { taskDefinition } = await call<{ taskDefinition: TaskDefinition }>('ecs', 'DescribeTaskDefinition', { taskDefinition: task.definition });
    for (const { name, logConfiguration } of taskDefinition.containerDefinitions) {
      const options = logConfiguration?.options ?? {};
      const group = options['awslogs-group'];
      const prefix = options['awslogs-stream-prefix'];
      if (group && prefix) logs.set(name, { group, stream: `${prefix}/${name}/${lastPart(task.arn)}` });
    }
  }
  return { task, gone, logs };
}

function LogLines({ place, running }: { place: LogPlace; running: boolean }) {
  const [lines, setLines] = useState<readonly string[] | undefined>();
  const [error, setError] = useState<unknown>();
  const read = async () => {
    try {
      const reply = await call<{ events: { message: string }[] }>('logs', 'GetLogEvents', {
        logGroupName: place.group,
        logStreamName: place.stream,
        startFromHead: false,
        limit: LINES_MAX,
      });
      setLines(reply.events.map((event) => event.message));
      setError(undefined);
    } catch (failure) {
      if ((failure as { code?: string }).code === 'ResourceNotFoundException') setLines([]);
      else setError(failure);
    }
  };
  useEffect(() => void read(), [place.group, place.stream]);
  useReloadOn(['task', 'execution'], read, 1000);
  useReloadEvery(1000, async () => (running ? read() : undefined)); // Log lines are no change that the server tells.
  if (error !== undefined) return <Problem error={error} retry={() => void read()} />;
  if (!lines) return <Empty>{t('Loading…')}</Empty>;
  if (lines.length === 0) return <Empty>{t('The log is empty.')}</Empty>;
  return (
    <>
      <p class="faint">
        {place.group} · {place.stream}
        {lines.length === LINES_MAX && ` · ${t('The last {n} lines', { n: LINES_MAX })}`}
      </p>
      <pre class="log" tabIndex={0} aria-label={t('Log')}>
        {lines.map((line) => `${line}\n`)}
      </pre>
    </>
  );
}

function ContainerRow({ container }: { container: FoundContainer }) {
  const bad = container.exitCode !== undefined && container.exitCode !== 0;
  return (
    <tr>
      <td>{container.name}</td>
      <td>{container.lastStatus}</td>
      <td class={bad ? 'bad' : ''}>{container.exitCode ?? '–'}</td>
      <td>{container.reason}</td>
    </tr>
  );
}

export function TaskPart({ found }: { found: FoundTask }) {
  const [described, setDescribed] = useState<Described | undefined>();
  const [error, setError] = useState<unknown>();
  const read = async () => {
    try {
      setDescribed(await describe(found));
      setError(undefined);
    } catch (failure) {
      setError(failure);
    }
  };
  useEffect(() => void read(), [found.arn]);
  useReloadOn(['task'], read, 700);
  if (error !== undefined) return <Problem error={error} retry={() => void read()} />;
  if (!described) return <Empty>{t('Loading…')}</Empty>;
  const { task, logs } = described;
  return (
    <section class="ecs" aria-label={t('ECS task')}>
      <h3>
        {t('ECS task')} <span class="faint">{lastPart(task.arn)}</span> <span class="tag">{task.lastStatus}</span>
      </h3>
      {described.gone && <p class="faint">{t('The task is not kept any more.')}</p>}
      {task.stoppedReason && <p>{task.stoppedReason}</p>}
      <table>
        <thead>
          <tr>
            <th>{t('container')}</th>
            <th>{t('status')}</th>
            <th>{t('exit code')}</th>
            <th>{t('reason')}</th>
          </tr>
        </thead>
        <tbody>
          {task.containers.map((container) => (
            <ContainerRow key={container.name} container={container} />
          ))}
        </tbody>
      </table>
      {logs.size === 0 && <p class="faint">{t('This task definition sends its logs nowhere.')}</p>}
      {[...logs].map(([name, where]) => (
        <div key={name}>
          <h4>
            {t('Log')} {logs.size > 1 ? name : ''}
          </h4>
          <LogLines place={where} running={task.lastStatus !== 'STOPPED'} />
        </div>
      ))}
    </section>
  );
}
