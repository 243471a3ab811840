// Rules with schedules, and when they fire next: the server's own timer says so.
import { call, own, region } from './api';
import { eachOf } from './states';

export interface Rule {
  readonly Name: string;
  readonly Arn: string;
  readonly State: string;
  readonly EventBusName?: string;
  readonly ScheduleExpression?: string;
  readonly Description?: string;
}

export interface Scheduled {
  readonly rule: Rule;
  readonly next: number | undefined; // Seconds; undefined: it does not fire.
}

export async function listScheduled(): Promise<Scheduled[]> {
  const rules: Rule[] = [];
  let NextToken: string | undefined;
  do {
    const page: { Rules: Rule[]; NextToken?: string } = await call('events', 'ListRules', NextToken ? { NextToken } : {});
    rules.push(...page.Rules.filter((rule) => rule.ScheduleExpression));
    NextToken = page.NextToken;
  } while (NextToken && rules.length < 1000);
  const all = await eachOf(rules, 6, async (rule) => {
    if (rule.State === 'DISABLED') return { rule, next: undefined };
    const timer = await own<{ at: string | null }>(`timers/events/rule/${region.value}/${encodeURIComponent(rule.Name)}`);
    return { rule, next: timer.at ? Date.parse(timer.at) / 1000 : undefined };
  });
  return all.sort((a, b) => (a.next ?? Infinity) - (b.next ?? Infinity) || a.rule.Name.localeCompare(b.rule.Name));
}
