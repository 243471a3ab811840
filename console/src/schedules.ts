// Rules of EventBridge and schedules of EventBridge Scheduler, and when they fire: the server's own
// timer says the next time, its own reading of the expression the others.
import { ApiError, call, own, region, rest } from './api';
import { language } from './i18n';
import { japaneseWords } from './model/schedule';
import { eachOf } from './states';

export interface Rule {
  readonly Name: string;
  readonly Arn: string;
  readonly State: string;
  readonly EventBusName?: string;
  readonly ScheduleExpression?: string;
  readonly EventPattern?: string;
  readonly Description?: string;
  readonly ManagedBy?: string;
}

export interface Schedule {
  readonly Arn: string;
  readonly Name: string;
  readonly GroupName: string;
  readonly State: string;
  readonly ScheduleExpression: string;
  readonly ScheduleExpressionTimezone?: string;
  readonly Description?: string;
  readonly StartDate?: number;
  readonly EndDate?: number;
  readonly Target?: Target;
}

export interface Target {
  readonly Id?: string;
  readonly Arn: string;
  readonly RoleArn?: string;
  readonly Input?: string;
  readonly DeadLetterConfig?: { readonly Arn?: string };
  readonly [more: string]: unknown;
}

/** Of either service, as lists show it. */
export interface Firing {
  readonly id: string; // The ARN.
  readonly name: string;
  readonly expression: string;
  readonly zone: string;
  readonly enabled: boolean;
  readonly next: number | undefined; // Seconds; undefined: it does not fire.
  readonly end?: number | undefined; // No firing after it.
  readonly kind: 'rule' | 'scheduler';
}

const RULES_MAX = 2000;
const SCHEDULES_MAX = 500;

export async function listRules(): Promise<Rule[]> {
  const rules: Rule[] = [];
  const { EventBuses } = await call<{ EventBuses: { Name: string }[] }>('events', 'ListEventBuses', {});
  for (const { Name } of EventBuses) {
    let NextToken: string | undefined;
    do {
      const page: { Rules: Rule[]; NextToken?: string } = await call('events', 'ListRules', { EventBusName: Name, ...(NextToken ? { NextToken } : {}) });
      rules.push(...page.Rules);
      NextToken = page.NextToken;
    } while (NextToken && rules.length < RULES_MAX);
  }
  return rules.sort((a, b) => a.Name.localeCompare(b.Name));
}

async function nextTime(timer: string): Promise<number | undefined> {
  const { at } = await own<{ at: string | null }>(`timers/${timer}`);
  return at ? Date.parse(at) / 1000 : undefined;
}

export async function firingsOfRules(rules: readonly Rule[]): Promise<Firing[]> {
  return eachOf(rules.filter((rule) => rule.ScheduleExpression), 6, async (rule) => ({
    id: rule.Arn,
    name: rule.Name,
    expression: rule.ScheduleExpression ?? '',
    zone: 'UTC',
    enabled: rule.State !== 'DISABLED',
    next: rule.State === 'DISABLED' ? undefined : await nextTime(`events/rule/${region.value}/${encodeURIComponent(rule.Name)}`),
    kind: 'rule' as const,
  }));
}

const schedulePath = (name: string) => `/schedules/${encodeURIComponent(name)}`;

export async function getSchedule(name: string, groupName: string): Promise<Schedule> {
  return (await (await rest('scheduler', schedulePath(name), { groupName })).json()) as Schedule;
}

export async function listSchedules(): Promise<Schedule[]> {
  const names: { Name: string; GroupName: string }[] = [];
  let token = '';
  do {
    const page = (await (await rest('scheduler', '/schedules', { MaxResults: '100', ...(token ? { NextToken: token } : {}) })).json()) as { Schedules: typeof names; NextToken?: string };
    names.push(...page.Schedules);
    token = page.NextToken ?? '';
  } while (token && names.length < SCHEDULES_MAX);
  return eachOf(names.slice(0, SCHEDULES_MAX), 6, ({ Name, GroupName }) => getSchedule(Name, GroupName));
}

/** UpdateSchedule replaces the whole schedule: it is read first. */
export async function setScheduleState(schedule: Schedule, State: string): Promise<void> {
  const { Name, GroupName, ...rest_ } = await getSchedule(schedule.Name, schedule.GroupName);
  const kept = Object.fromEntries(Object.entries(rest_).filter(([name]) => !['Arn', 'CreationDate', 'LastModificationDate'].includes(name)));
  await rest('scheduler', schedulePath(Name), {}, { ...kept, GroupName, State });
}

export async function firingsOfSchedules(schedules: readonly Schedule[]): Promise<Firing[]> {
  return eachOf(schedules, 6, async (each) => ({
    id: each.Arn,
    name: each.Name,
    expression: each.ScheduleExpression,
    zone: each.ScheduleExpressionTimezone ?? 'UTC',
    end: each.EndDate,
    enabled: each.State !== 'DISABLED',
    next: each.State === 'DISABLED' ? undefined : await nextTime(`scheduler/schedule/${region.value}/${encodeURIComponent(each.GroupName)}/${encodeURIComponent(each.Name)}`),
    kind: 'scheduler' as const,
  }));
}

/** What is enabled, the next first; what does not fire comes last. */
export async function listFirings(): Promise<Firing[]> {
  const [rules, schedules] = await Promise.all([listRules().then(firingsOfRules), listSchedules().then(firingsOfSchedules)]);
  return [...rules, ...schedules].sort((a, b) => (a.next ?? Infinity) - (b.next ?? Infinity) || a.name.localeCompare(b.name));
}

interface Times {
  readonly words: string;
  readonly times: readonly number[];
  readonly rate: boolean;
}

/** Times after `after`, at most `count`. A rate counts from its next firing, so it has none before that. */
export async function timesOf(firing: Firing, after: number, count: number): Promise<Times> {
  const { next } = firing;
  const asked = { expression: firing.expression, dialect: firing.kind, zone: firing.zone, count };
  const within = (at: number) => at > after && at <= (firing.end ?? Infinity);
  const reply = await own<Times>('schedule', { ...asked, after, anchor: next ?? after });
  if (!reply.rate || next === undefined) return { ...reply, times: reply.times.filter(within) };
  const later = await own<Times>('schedule', { ...asked, after: next, anchor: next });
  return { ...later, times: [next, ...later.times].filter(within).slice(0, count) };
}

/** In the chosen language. */
export const wordsOf = (expression: string, english: string): string => (language.value === 'ja' ? japaneseWords(expression) : english);

const accountOf = (arn: string) => arn.split(':')[4] ?? '';

/** What a scheduled rule sends its targets: the event of a schedule, as EventBridge makes it. */
function scheduledEvent(rule: Rule, now: number): string {
  return JSON.stringify({
    version: '0',
    id: crypto.randomUUID(),
    'detail-type': 'Scheduled Event',
    source: 'aws.events',
    account: accountOf(rule.Arn),
    time: new Date(now * 1000).toISOString().replace(/\.\d+Z$/, 'Z'),
    region: region.value,
    resources: [rule.Arn],
    detail: {},
  });
}

/** The kinds of targets that runNow() can start: what they are sent must need no transformation. */
export const canRun = (target: Target): boolean => /^arn:aws:(states|sqs):/.test(target.Arn) && !target.InputTransformer && !target.InputPath;

/**
 * Does what a firing would have its target do, as the console's principal: EventBridge has no
 * operation for it. The ARN of the execution where it started one.
 */
export async function runNow(rule: Rule, target: Target, now: number): Promise<string> {
  const input = target.Input ?? scheduledEvent(rule, now);
  if (target.Arn.startsWith('arn:aws:states:')) {
    const reply = await call<{ executionArn: string }>('states', 'StartExecution', { stateMachineArn: target.Arn, input });
    return reply.executionArn;
  }
  if (!canRun(target)) throw new ApiError('NotSupported', `The console can't start ${target.Arn}.`, 0);
  const name = target.Arn.split(':').at(-1) ?? '';
  const { QueueUrl } = await call<{ QueueUrl: string }>('sqs', 'GetQueueUrl', { QueueName: name });
  await call('sqs', 'SendMessage', { QueueUrl, MessageBody: input, ...(name.endsWith('.fifo') ? { MessageGroupId: rule.Name } : {}) });
  return '';
}
