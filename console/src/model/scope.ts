// Whose variables a state sees: those that states before it assigned in its own scope and in the
// scopes around it. A branch, an iteration of a Map, is a scope.
// https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html
import type { StateNode } from './definition';
import type { Visit } from './history';

function assigns(state: StateNode | undefined): boolean {
  if (!state) return false;
  const has = (value: unknown): boolean => Array.isArray(value) && value.some((each) => (each as { Assign?: unknown }).Assign !== undefined);
  return state.source.Assign !== undefined || has(state.source.Catch) || has(state.source.Choices);
}

/** The visits before `visit` that may have assigned what it sees, in their order. */
export function inScope(visits: readonly Visit[], visit: Visit, states: ReadonlyMap<string, StateNode>): Visit[] {
  const parents = states.get(visit.name)?.parents ?? [];
  return visits.filter((each) => {
    if (each.id >= visit.id || each.exited === undefined || each.exited > visit.id || !assigns(states.get(each.name))) return false;
    const theirs = states.get(each.name)?.parents ?? [];
    if (theirs.length > parents.length || !theirs.every((name, i) => name === parents[i])) return false;
    return Object.entries(each.iterations).every(([map, index]) => visit.iterations[map] === index);
  });
}
