// What the pages ask of Step Functions.
import { call } from './api';

export interface Machine {
  readonly stateMachineArn: string;
  readonly name: string;
  readonly type: 'STANDARD' | 'EXPRESS';
}

export interface Execution {
  readonly executionArn: string;
  readonly stateMachineArn: string;
  readonly name: string;
  readonly status: string;
  readonly startDate: number;
  readonly stopDate?: number;
  readonly redriveCount?: number;
}

export interface Described extends Execution {
  readonly input?: string;
  readonly output?: string;
  readonly error?: string;
  readonly cause?: string;
  readonly redriveStatus?: string;
  readonly redriveStatusReason?: string;
  readonly mapRunArn?: string;
}

interface MachinesPage {
  readonly stateMachines: readonly Machine[];
  readonly nextToken?: string;
}

export interface ExecutionsPageReply {
  readonly executions: readonly Execution[];
  readonly nextToken?: string;
}

export async function listMachines(): Promise<Machine[]> {
  const all: Machine[] = [];
  let nextToken: string | undefined;
  do {
    const page: MachinesPage = await call('states', 'ListStateMachines', { maxResults: 1000, ...(nextToken ? { nextToken } : {}) });
    all.push(...page.stateMachines);
    nextToken = page.nextToken;
  } while (nextToken && all.length < 5000);
  return all.sort((a, b) => a.name.localeCompare(b.name));
}

export function listExecutions(machine: string, status: string, maxResults: number, nextToken?: string): Promise<ExecutionsPageReply> {
  return call('states', 'ListExecutions', {
    stateMachineArn: machine,
    maxResults,
    ...(status ? { statusFilter: status } : {}),
    ...(nextToken ? { nextToken } : {}),
  });
}

/** `work` on each of `all`, at most `width` at once. */
export async function eachOf<T, R>(all: readonly T[], width: number, work: (each: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const run = async () => {
    while (next < all.length) {
      const mine = next++;
      results[mine] = await work(all[mine] as T);
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, all.length) }, run));
  return results;
}

export const newestFirst = (a: Execution, b: Execution) => b.startDate - a.startDate;
