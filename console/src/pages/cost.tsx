// Cost: what the executions of each machine would cost on AWS, at list prices: per execution, per
// day and per month.
import { call } from '../api';
import { bytes } from '../format';
import { t } from '../i18n';
import { costOf, dollars, type Prices, type TaskUse, type Usage } from '../model/cost';
import { findTask } from '../model/task';
import { Live, Table } from '../parts/listing';
import { Panel } from '../parts/ui';
import prices from '../prices.json';
import { place, setQuery, url } from '../router';
import { eachOf, listExecutions, listMachines, type Execution, type Machine } from '../states';
import { serverNow } from '../time';

const SAMPLE = 20; // Executions of each machine that are read.
const MACHINES_MAX = 30;
const EVENTS_MAX = 5000;
const RATE_MAX = 1000; // Executions of a day that are counted.

interface HistoryReply {
  readonly events: readonly { readonly type: string; readonly timestamp: number; readonly [details: string]: unknown }[];
  readonly nextToken?: string;
}

interface EcsTask {
  readonly cpu?: string;
  readonly memory?: string;
  readonly pullStartedAt?: number;
  readonly createdAt?: number;
  readonly stoppedAt?: number;
}

// "Each time a step of your workflow is executed", "including retries": a state that works is counted
// when its work is begun, first or again. https://aws.amazon.com/step-functions/pricing/
const transitionsOf = (type: string): number => (/^(Task|Activity|LambdaFunction)Scheduled$/.test(type) || (/StateEntered$/.test(type) && type !== 'TaskStateEntered') ? 1 : 0);

/** Transitions, and the ECS tasks that the execution waited for, by its history. */
async function usageOf(execution: Execution): Promise<Usage> {
  let transitions = 0;
  let read = 0;
  let nextToken: string | undefined;
  const tasks: { arn: string; cluster: string; cpuUnits: number; memoryMib: number; seconds: number }[] = [];
  do {
    const page: HistoryReply = await call('states', 'GetExecutionHistory', { executionArn: execution.executionArn, maxResults: 1000, ...(nextToken ? { nextToken } : {}) });
    for (const event of page.events) {
      transitions += transitionsOf(event.type);
      if (!/^Task(Succeeded|Failed)$/.test(event.type)) continue;
      const details = (event.taskSucceededEventDetails ?? event.taskFailedEventDetails ?? {}) as Record<string, string>;
      const text = details.output ?? details.cause;
      const found = findTask(text);
      if (found) tasks.push({ ...used(text ?? ''), arn: found.arn, cluster: found.cluster });
    }
    read += page.events.length;
    nextToken = page.nextToken;
  } while (nextToken && read < EVENTS_MAX);
  return { transitions, tasks, logBytes: 0 };
}

function used(text: string): TaskUse {
  const value = JSON.parse(text) as Record<string, unknown>;
  const task = ((value.Tasks ?? value.tasks) as EcsTask[] | undefined)?.[0] ?? (value as EcsTask);
  const member = (name: keyof EcsTask): unknown => task[name] ?? (task as Record<string, unknown>)[name.charAt(0).toUpperCase() + name.slice(1)];
  const time = (name: keyof EcsTask) => {
    const at = Number(member(name) ?? NaN);
    return at > 1e11 ? at / 1000 : at; // Step Functions writes milliseconds.
  };
  const began = time('pullStartedAt') || time('createdAt');
  const seconds = time('stoppedAt') - began;
  return { cpuUnits: Number(member('cpu') ?? 256), memoryMib: Number(member('memory') ?? 512), seconds: Number.isFinite(seconds) ? Math.max(0, seconds) : 0 };
}

interface Row {
  readonly machine: Machine;
  readonly sampled: number;
  readonly each: Usage; // Means of the sample.
  readonly perDay: number; // Executions that started in the last 24 hours.
  readonly perDayMore: boolean;
}

async function rowOf(machine: Machine): Promise<Row> {
  const day = serverNow() - 86400;
  const page = await listExecutions(machine.stateMachineArn, '', RATE_MAX);
  const lately = page.executions.filter((each) => each.startDate >= day).length;
  const ended = page.executions.filter((each) => each.status !== 'RUNNING').slice(0, SAMPLE);
  const usages = await eachOf(ended, 4, usageOf);
  const n = Math.max(1, usages.length);
  return {
    machine,
    sampled: usages.length,
    each: {
      transitions: usages.reduce((sum, usage) => sum + usage.transitions, 0) / n,
      // The mean over the sample: each task counts for its share of an execution.
      tasks: usages.flatMap((usage) => usage.tasks),
      logBytes: 0,
    },
    perDay: lately,
    perDayMore: lately === page.executions.length && page.nextToken !== undefined,
  };
}

async function loadRows(): Promise<Row[]> {
  const machines = (await listMachines()).filter((each) => each.type === 'STANDARD');
  return eachOf(machines.slice(0, MACHINES_MAX), 3, rowOf);
}

const regions = prices.regions as Readonly<Record<string, Prices>>;

function priced(row: Row, list: Prices) {
  const whole = costOf(row.each, list); // Transitions are means; tasks are of the whole sample.
  const fargate = whole.fargate / Math.max(1, row.sampled);
  const perExecution = whole.transitions + fargate;
  return { transitions: whole.transitions, fargate, perExecution };
}

function Rows({ rows, list }: { rows: readonly Row[]; list: Prices }) {
  const total = rows.reduce((sum, row) => sum + priced(row, list).perExecution * row.perDay, 0);
  return (
    <>
      <div class="stats">
        <Panel title={t('Per day')}>
          <p class="big">{dollars(total)}</p>
        </Panel>
        <Panel title={t('Per month')}>
          <p class="big">{dollars(total * 30.4)}</p>
        </Panel>
      </div>
      <Table
        title="State machines"
        rows={rows}
        keyOf={(row) => row.machine.name}
        link={(row) => url('executions', { machine: row.machine.name })}
        empty={t('No state machine yet. Deploy one, for example with ./run or cdk deploy.')}
        columns={[
          { title: 'machine', cell: (row) => row.machine.name },
          { title: 'executions of 24 h', cell: (row) => <span class="number">{`${row.perDay}${row.perDayMore ? '+' : ''}`}</span> },
          { title: 'transitions', cell: (row) => <span class="number">{row.each.transitions.toFixed(1)}</span>, wide: true },
          { title: 'Fargate seconds', cell: (row) => <span class="number">{(row.each.tasks.reduce((sum, task) => sum + task.seconds, 0) / Math.max(1, row.sampled)).toFixed(1)}</span>, wide: true },
          { title: 'per execution', cell: (row) => <span class="number">{row.sampled === 0 ? '–' : dollars(priced(row, list).perExecution)}</span> },
          { title: 'per day', cell: (row) => <span class="number">{dollars(priced(row, list).perExecution * row.perDay)}</span> },
          { title: 'per month', cell: (row) => <span class="number">{dollars(priced(row, list).perExecution * row.perDay * 30.4)}</span> },
        ]}
      />
    </>
  );
}

interface Group {
  readonly storedBytes?: number;
}

function Logs({ list }: { list: Prices }) {
  return (
    <Panel title={t('Logs')}>
      <Live load={() => call<{ logGroups: Group[] }>('logs', 'DescribeLogGroups', {})}>
        {({ logGroups }) => {
          const stored = logGroups.reduce((sum, each) => sum + (each.storedBytes ?? 0), 0) / 2 ** 30;
          return (
            <p class="pad">
              {t('{n} are stored: {ingested} to take them in once, {stored} a month to keep them.', {
                n: bytes(stored * 2 ** 30),
                ingested: dollars(stored * list.logsIngestedGb),
                stored: dollars(stored * list.logsStoredGbMonth),
              })}
            </p>
          );
        }}
      </Live>
    </Panel>
  );
}

export function Page() {
  const wanted = place.value.query.get('prices') ?? '';
  const name = regions[wanted] ? wanted : 'ap-northeast-1';
  const list = regions[name] as Prices;
  return (
    <>
      <h1>{t('Cost')}</h1>
      <form class="filters" onSubmit={(event) => event.preventDefault()}>
        <select aria-label={t('Price list')} value={name} onChange={(event) => setQuery({ prices: event.currentTarget.value })}>
          {Object.entries(regions).map(([region, { name: title }]) => (
            <option key={region} value={region}>
              {title}
            </option>
          ))}
        </select>
        <span class="faint">{t('List prices of {date}, in US dollars, without free tiers and discounts.', { date: prices.date })}</span>
      </form>
      <Live load={loadRows}>{(rows) => <Rows rows={rows} list={list} />}</Live>
      <Logs list={list} />
      <p class="faint">
        {t('Means of the last {n} executions that ended, times the executions of the last 24 hours. The prices were entered by hand; compare them with the source before you rely on them:', { n: SAMPLE })}{' '}
        {prices.sources.map((source) => (
          <span key={source}>
            <code>{source}</code>{' '}
          </span>
        ))}
      </p>
    </>
  );
}
