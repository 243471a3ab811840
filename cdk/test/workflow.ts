/**
 * What the sample workflow's definition promises is about order and counting, so the tests run it. This
 * runs the few state types and intrinsics that it uses, in virtual time; it is no general interpreter and
 * says so by throwing.
 */

export interface Failure {
  readonly error: string;
  readonly cause: string;
}
export type TaskOutcome = { readonly output: unknown } | Failure;
export type Task = (resource: string, parameters: Json) => TaskOutcome;
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- JSON is what it is.
export type Json = any;

export interface Run {
  readonly status: 'SUCCEEDED' | 'FAILED';
  readonly output?: Json;
  readonly failure?: Failure;
  /** The longest that each pause before a relaunch can take. */
  readonly pauses: readonly number[];
}

class StateError extends Error {
  constructor(readonly failure: Failure) {
    super(`${failure.error}: ${failure.cause}`);
  }
}

export function run(machine: Json, input: Json, task: Task): Run {
  const execution = {
    Execution: {
      Id: 'arn:aws:states:ap-northeast-1:000000000000:execution:dev-sample-batch:one',
      Input: input,
      StartTime: '2026-01-05T09:00:00.000Z',
    },
  };
  const pauses: number[] = [];
  try {
    return { status: 'SUCCEEDED', output: runStates(machine, input), pauses };
  } catch (error) {
    if (error instanceof StateError) return { status: 'FAILED', failure: error.failure, pauses };
    throw error;
  }

  function runStates(states: Json, from: Json): Json {
    let data = from;
    let name: string | undefined = states.StartAt;
    while (name !== undefined) {
      const state: Json = states.States[name];
      if (!state) throw new Error(`No state ${name}`);
      if (state.Type === 'Succeed') return data;
      if (state.Type === 'Fail') {
        throw new StateError({
          error: state.Error ?? path(state.ErrorPath, data),
          cause: state.Cause ?? path(state.CausePath, data),
        });
      }
      if (state.Type === 'Choice') {
        name = state.Choices.find((rule: Json) => holds(rule, data))?.Next ?? state.Default;
        continue;
      }
      [data, name] = runRetried(state, data);
    }
    return data;
  }

  function runRetried(state: Json, data: Json): [Json, string | undefined] {
    const used = new Map<Json, number>();
    for (;;) {
      try {
        return [output(state, data, work(state, data)), state.Next];
      } catch (error) {
        if (!(error instanceof StateError)) throw error;
        const { failure } = error;
        const matches = (clause: Json) =>
          clause.ErrorEquals.some(
            (name: string) =>
              name === failure.error ||
              name === 'States.ALL' ||
              (name === 'States.TaskFailed' && failure.error !== 'States.Timeout'),
          );
        // The first retrier that matches is the only one asked; each counts for itself, over all its names.
        // states-language.net/spec.html#errors
        const retrier = state.Retry?.find(matches);
        const retries = used.get(retrier) ?? 0;
        if (retrier && retries < retrier.MaxAttempts) {
          used.set(retrier, retries + 1);
          const pause = retrier.IntervalSeconds * retrier.BackoffRate ** retries;
          pauses.push(Math.min(pause, retrier.MaxDelaySeconds ?? Infinity));
          continue;
        }
        const catcher = state.Catch?.find(matches);
        if (!catcher) throw error;
        const caught = { Error: failure.error, Cause: failure.cause };
        return [place(catcher.ResultPath, data, caught), catcher.Next];
      }
    }
  }

  function work(state: Json, data: Json): Json {
    switch (state.Type) {
      case 'Pass':
        return payload(state.Parameters, data);
      case 'Parallel':
        return state.Branches.map((branch: Json) => runStates(branch, data));
      case 'Task': {
        const outcome = task(state.Resource, payload(state.Parameters, data));
        if ('error' in outcome) throw new StateError(outcome);
        return outcome.output;
      }
      default:
        throw new Error(`State type ${state.Type} is not known here`);
    }
  }

  function output(state: Json, data: Json, result: Json): Json {
    const selected = state.ResultSelector ? payload(state.ResultSelector, result) : result;
    const placed = place(state.ResultPath, data, selected);
    return state.OutputPath ? path(state.OutputPath, placed) : placed;
  }

  function place(resultPath: string | null | undefined, data: Json, result: Json): Json {
    if (resultPath === undefined) return result;
    if (resultPath === null) return data;
    const key = /^\$\.(\w+)$/.exec(resultPath)?.[1];
    if (!key) throw new Error(`ResultPath ${resultPath} is not known here`);
    return { ...data, [key]: result };
  }

  function payload(template: Json, data: Json): Json {
    if (Array.isArray(template)) return template.map((item) => payload(item, data));
    if (template === null || typeof template !== 'object') return template;
    return Object.fromEntries(
      Object.entries(template).map(([key, value]) =>
        key.endsWith('.$')
          ? [key.slice(0, -2), expression(String(value), data)]
          : [key, payload(value, data)],
      ),
    );
  }

  function expression(text: string, data: Json): Json {
    const trimmed = text.trim();
    if (trimmed.startsWith('$')) return path(trimmed, data);
    if (trimmed.startsWith("'")) return trimmed.slice(1, -1).replace(/\\(.)/g, '$1');
    if (trimmed === 'false') return false;
    const call = /^States\.(\w+)\((.*)\)$/s.exec(trimmed);
    if (!call) throw new Error(`Expression ${trimmed} is not known here`);
    const values = split(call[2] ?? '').map((part) => expression(part, data));
    switch (call[1]) {
      case 'Array':
        return values;
      case 'StringToJson':
        return JSON.parse(values[0]);
      case 'JsonMerge':
        return { ...values[0], ...values[1] };
      case 'Format':
        return values
          .slice(1)
          .reduce((done, value) => done.replace('{}', String(value)), values[0]);
      default:
        throw new Error(`States.${call[1]} is not known here`);
    }
  }

  function split(list: string): string[] {
    const parts = [''];
    let depth = 0;
    let inString = false;
    for (const character of list) {
      if (character === "'") inString = !inString;
      if (!inString && character === '(') depth += 1;
      if (!inString && character === ')') depth -= 1;
      if (!inString && depth === 0 && character === ',') parts.push('');
      else parts[parts.length - 1] += character;
    }
    return parts;
  }

  function path(text: string, data: Json): Json {
    const value = lookUp(text, data);
    if (value === undefined) {
      throw new StateError({ error: 'States.Runtime', cause: `${text} leads to nothing` });
    }
    return value;
  }

  function lookUp(text: string, data: Json): Json {
    const whole = text.startsWith('$$') ? execution : data;
    const steps: string[] = text.replace(/^\$+/, '').match(/\.\w+|\[\w+\]|\[\*\]/g) ?? [];
    if (steps.join('') !== text.replace(/^\$+/, ''))
      throw new Error(`Path ${text} is not known here`);
    let values: Json[] = [whole];
    for (const step of steps) {
      values =
        step === '[*]'
          ? values.flat()
          : values.map((value) => value?.[step.replace(/[.[\]]/g, '')]);
    }
    return steps.includes('[*]') ? values : values[0];
  }

  function holds(rule: Json, data: Json): boolean {
    if (rule.And) return rule.And.every((part: Json) => holds(part, data));
    const value = lookUp(rule.Variable, data);
    if ('IsPresent' in rule) return (value !== undefined) === rule.IsPresent;
    if ('StringEquals' in rule) return value === rule.StringEquals;
    if ('NumericEquals' in rule) return value === rule.NumericEquals;
    if ('StringMatches' in rule) {
      const [head, tail] = rule.StringMatches.split('*');
      return typeof value === 'string' && value.startsWith(head) && value.endsWith(tail);
    }
    throw new Error(`Rule ${JSON.stringify(rule)} is not known here`);
  }
}
