// A definition in Amazon States Language as boxes and arrows: containers of states, where a
// Parallel's branches and a Map's processor are containers inside of their state.
// https://states-language.net/spec.html

export interface StateNode {
  readonly name: string;
  readonly type: string;
  readonly containers: readonly Container[];
  readonly source: Readonly<Record<string, unknown>>;
  readonly parents: readonly string[]; // Names of the states that it lies in, the outermost first.
}

export interface Edge {
  readonly from: string; // START for the first.
  readonly to: string; // END for the last.
  readonly kind: 'next' | 'choice' | 'default' | 'catch';
  readonly label: string;
}

export interface Container {
  readonly states: readonly StateNode[];
  readonly edges: readonly Edge[];
}

export const START = '\u0000start';
export const END = '\u0000end';

type Source = Readonly<Record<string, unknown>>;

const list = (value: unknown): Source[] => (Array.isArray(value) ? (value as Source[]) : []);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

const COMPARISONS: Record<string, string> = { Equals: '=', LessThan: '<', GreaterThan: '>', LessThanEquals: '≤', GreaterThanEquals: '≥' };

/** One rule of a Choice in few words: "$.count > 3". */
export function ruleWords(rule: Source): string {
  if (typeof rule.Condition === 'string') return rule.Condition.replace(/^\{%\s*|\s*%\}$/g, '');
  if (rule.Not) return `not (${ruleWords(rule.Not as Source)})`;
  for (const [member, joint] of [['And', ' and '], ['Or', ' or ']] as const)
    if (rule[member]) return list(rule[member]).map(ruleWords).join(joint);
  const operator = Object.keys(rule).find((key) => !['Variable', 'Next', 'Comment', 'Assign', 'Output'].includes(key));
  if (!operator) return '';
  const match = /^(?:String|Numeric|Boolean|Timestamp)(\w+?)(?:Path)?$/.exec(operator);
  const sign = (match?.[1] && COMPARISONS[match[1]]) ?? operator;
  return `${text(rule.Variable)} ${sign} ${JSON.stringify(rule[operator])}`;
}

function containersOf(state: Source, parents: readonly string[]): Container[] {
  if (state.Type === 'Parallel') return list(state.Branches).map((branch) => containerOf(branch, parents));
  const processor = (state.ItemProcessor ?? state.Iterator) as Source | undefined;
  return state.Type === 'Map' && processor ? [containerOf(processor, parents)] : [];
}

function edgesOf(name: string, state: Source): Edge[] {
  const edges: Edge[] = [];
  for (const rule of list(state.Choices))
    edges.push({ from: name, to: text(rule.Next), kind: 'choice', label: ruleWords(rule) });
  if (state.Default) edges.push({ from: name, to: text(state.Default), kind: 'default', label: 'default' });
  if (state.Next) edges.push({ from: name, to: text(state.Next), kind: 'next', label: '' });
  if (state.End === true || state.Type === 'Succeed' || state.Type === 'Fail')
    edges.push({ from: name, to: END, kind: 'next', label: '' });
  for (const catcher of list(state.Catch)) {
    const errors = (catcher.ErrorEquals as string[] | undefined) ?? [];
    edges.push({ from: name, to: text(catcher.Next), kind: 'catch', label: errors.join(', ') });
  }
  return edges;
}

export function containerOf(source: Source, parents: readonly string[] = []): Container {
  const states = Object.entries((source.States ?? {}) as Record<string, Source>);
  return {
    states: states.map(([name, state]) => ({
      name,
      type: text(state.Type),
      containers: containersOf(state, [...parents, name]),
      source: state,
      parents,
    })),
    edges: [
      { from: START, to: text(source.StartAt), kind: 'next', label: '' },
      ...states.flatMap(([name, state]) => edgesOf(name, state)),
    ],
  };
}

/** All states by name, those of inner containers too. */
export function statesByName(container: Container, found = new Map<string, StateNode>()): Map<string, StateNode> {
  for (const state of container.states) {
    found.set(state.name, state);
    for (const inner of state.containers) statesByName(inner, found);
  }
  return found;
}
