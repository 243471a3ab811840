// What executions would cost at AWS's list prices (prices.json), without free tiers and discounts.
// Standard machines pay for transitions, retries included; a Fargate task pays for its vCPU and
// memory from the pull of the image to its end, at least one minute.
// https://aws.amazon.com/step-functions/pricing/  https://aws.amazon.com/fargate/pricing/

export interface Prices {
  readonly name: string;
  readonly transition: number;
  readonly fargateVcpuHour: number;
  readonly fargateGbHour: number;
  readonly logsIngestedGb: number;
  readonly logsStoredGbMonth: number;
}

export interface Usage {
  readonly transitions: number;
  readonly tasks: readonly TaskUse[];
  readonly logBytes: number;
}

export interface TaskUse {
  readonly cpuUnits: number; // 1024 are one vCPU.
  readonly memoryMib: number;
  readonly seconds: number;
}

export interface Cost {
  readonly transitions: number;
  readonly fargate: number;
  readonly logs: number;
  readonly total: number;
}

const FARGATE_SECONDS_MIN = 60;

export function taskCost(task: TaskUse, prices: Prices): number {
  const hours = Math.max(FARGATE_SECONDS_MIN, task.seconds) / 3600;
  return hours * ((task.cpuUnits / 1024) * prices.fargateVcpuHour + (task.memoryMib / 1024) * prices.fargateGbHour);
}

export function costOf(usage: Usage, prices: Prices): Cost {
  const transitions = usage.transitions * prices.transition;
  const fargate = usage.tasks.reduce((sum, task) => sum + taskCost(task, prices), 0);
  const logs = (usage.logBytes / 2 ** 30) * prices.logsIngestedGb;
  return { transitions, fargate, logs, total: transitions + fargate + logs };
}

/** US dollars, small amounts with enough digits to be compared. */
export function dollars(amount: number): string {
  if (amount === 0) return '$0';
  const digits = amount >= 1 ? 2 : Math.min(8, Math.max(2, 2 - Math.floor(Math.log10(amount))));
  return `$${amount.toFixed(digits)}`;
}
