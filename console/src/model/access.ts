// Decisions of the authoriser, and the smallest policy that allows what was refused or used.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html

export interface Decision {
  readonly id: string;
  readonly time: number; // Seconds since 1970.
  readonly principal: string; // ARN of a role or user, or a service's name.
  readonly session?: string;
  readonly actsFor?: string; // The execution, task, rule or stack that the session serves.
  readonly accessKeyId?: string;
  readonly action: string; // "sns:Publish"
  readonly resource: string;
  readonly keys?: Readonly<Record<string, readonly string[]>>;
  readonly verdict: 'Allowed' | 'ImplicitlyDenied' | 'ExplicitlyDenied';
  readonly enforced?: boolean;
  readonly statements?: readonly { readonly policy: string; readonly index: number; readonly sid?: string }[];
  readonly missing?: readonly string[]; // "identity", "resource", "boundary", "session"
  readonly text?: string;
}

export const isDenied = (decision: Decision): boolean => decision.verdict !== 'Allowed';

interface Statement {
  readonly Effect: 'Allow';
  readonly Action: readonly string[];
  readonly Resource: readonly string[];
}

/** Of these decisions: one statement for each set of actions on the same resources. */
export function policyFor(decisions: readonly Decision[]): { Version: string; Statement: Statement[] } {
  const resources = new Map<string, Set<string>>();
  for (const { action, resource } of decisions) {
    const found = resources.get(action) ?? new Set<string>();
    found.add(resource === '' ? '*' : resource);
    resources.set(action, found);
  }
  const byResources = new Map<string, string[]>();
  for (const [action, found] of resources) {
    const key = JSON.stringify([...found].sort());
    byResources.set(key, [...(byResources.get(key) ?? []), action]);
  }
  const statements = [...byResources].map(([key, actions]): Statement => ({ Effect: 'Allow', Action: actions.sort(), Resource: JSON.parse(key) as string[] }));
  return { Version: '2012-10-17', Statement: statements.sort((a, b) => (a.Action[0] ?? '').localeCompare(b.Action[0] ?? '')) };
}

/** The same for a CDK app in TypeScript, to be added to the role. */
export function cdkFor(decisions: readonly Decision[]): string {
  return policyFor(decisions)
    .Statement.map(
      ({ Action, Resource }) =>
        `role.addToPrincipalPolicy(new iam.PolicyStatement({\n  actions: [${Action.map((each) => `'${each}'`).join(', ')}],\n  resources: [${Resource.map((each) => `'${each}'`).join(', ')}],\n}));`,
    )
    .join('\n');
}

/** Adds later decisions to what is known, newest first, without repeating one. */
export function merged(known: readonly Decision[], fresh: readonly Decision[], max: number): Decision[] {
  const ids = new Set(known.map((each) => each.id));
  const added = fresh.filter((each) => !ids.has(each.id));
  return [...added.reverse(), ...known].slice(0, max);
}
