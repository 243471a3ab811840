// The ECS task that a payload of a history speaks of: a reply of RunTask, the result of runTask.sync,
// the cause of its failure, or a reply of DescribeTasks. Members begin with a capital or not.

export interface FoundContainer {
  readonly name: string;
  readonly lastStatus: string;
  readonly exitCode: number | undefined;
  readonly reason: string;
}

export interface FoundTask {
  readonly arn: string;
  readonly cluster: string;
  readonly definition: string;
  readonly lastStatus: string;
  readonly stoppedReason: string;
  readonly containers: readonly FoundContainer[];
}

type Members = Readonly<Record<string, unknown>>;

function member(of: Members, name: string): unknown {
  return of[name] ?? of[name.charAt(0).toUpperCase() + name.slice(1)];
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

export function findTask(payload: string | undefined): FoundTask | undefined {
  let value: unknown;
  try {
    value = JSON.parse(payload ?? '');
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const tasks = member(value as Members, 'tasks');
  const task = (Array.isArray(tasks) ? tasks[0] : value) as Members | undefined;
  const arn = task ? text(member(task, 'taskArn')) : '';
  if (!task || !/^arn:[^:]+:ecs:/.test(arn)) return undefined;
  const containers = (member(task, 'containers') ?? []) as Members[];
  return {
    arn,
    cluster: text(member(task, 'clusterArn')),
    definition: text(member(task, 'taskDefinitionArn')),
    lastStatus: text(member(task, 'lastStatus')),
    stoppedReason: text(member(task, 'stoppedReason')),
    containers: containers.map((each) => {
      const code = member(each, 'exitCode');
      return {
        name: text(member(each, 'name')),
        lastStatus: text(member(each, 'lastStatus')),
        exitCode: typeof code === 'number' ? code : undefined,
        reason: text(member(each, 'reason')),
      };
    }),
  };
}

/** The cause of a failure in few words, where it is ECS's description of a task; else as it is. */
export function causeWords(cause: string): string {
  const task = findTask(cause);
  if (!task) return cause;
  const containers = task.containers.map(({ name, exitCode, reason }) => {
    const end = exitCode === undefined ? 'did not start' : `exited with ${exitCode}`;
    return `container ${name} ${end}${reason ? `: ${reason}` : ''}`;
  });
  return [...containers, task.stoppedReason].filter(Boolean).join(' · ');
}
