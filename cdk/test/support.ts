import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Stacks, buildApp } from '../lib/app';
import { EnvConfig, OrchestrationConfig, Stage, stages } from '../lib/config/env-config';

export const account = '000000000000';
export const bothStages: readonly Stage[] = ['dev', 'prod'];

// Whatever the apps of a test file write, gone when it has ended.
const outputs = mkdtempSync(join(tmpdir(), 'cdk-test-'));
afterAll(() => rmSync(outputs, { recursive: true }));

/** An app with the feature flags of cdk.json, as the CLI gives them. */
export function makeApp(): App {
  const cdkJson = JSON.parse(readFileSync(join(__dirname, '..', 'cdk.json'), 'utf8'));
  return new App({ context: cdkJson.context, outdir: mkdtempSync(join(outputs, 'app-')) });
}

export function build(config: EnvConfig): Stacks {
  return buildApp(makeApp(), config, account);
}

export function withOrchestration(stage: Stage, changes: Partial<OrchestrationConfig>): EnvConfig {
  const config = stages[stage];
  return { ...config, orchestration: { ...config.orchestration, ...changes } };
}

const built = new Map<Stage, Stacks>();

/** The stage as configured; built once, since synthesis is what takes the time. */
export function stacksOf(stage: Stage): Stacks {
  const known = built.get(stage);
  if (known) return known;
  const made = build(stages[stage]);
  built.set(stage, made);
  return made;
}

export function template(stack: Stack): Template {
  return Template.fromStack(stack);
}

export function stackList(stacks: Stacks): Stack[] {
  return Object.values(stacks);
}

export interface Resource {
  readonly Type: string;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- Whatever the template holds.
  readonly Properties: any;
}

/** The one resource of a type whose logical id starts with `prefix`. */
export function resource(stack: Stack, type: string, prefix = ''): Resource {
  const found = Object.entries(template(stack).findResources(type)).filter(([id]) =>
    id.startsWith(prefix),
  );
  if (found.length !== 1) {
    throw new Error(`${found.length} of ${type} with ${prefix} in ${stack.stackName}`);
  }
  return found[0]?.[1] as Resource;
}

/** The definition of a machine as CloudFormation makes it; what only a deployment knows reads `<…>`. */
export function definition(stack: Stack, prefix: string, file: string) {
  const machine = resource(stack, 'AWS::StepFunctions::StateMachine', prefix);
  let text = readFileSync(join(__dirname, '..', 'lib', 'workflows', file), 'utf8');
  for (const [name, value] of Object.entries(machine.Properties.DefinitionSubstitutions)) {
    text = text.replaceAll(`\${${name}}`, resolved(value));
  }
  return JSON.parse(text);
}

function resolved(value: unknown): string {
  if (typeof value === 'string') return value;
  const intrinsic = value as Record<string, unknown>;
  if (Array.isArray(intrinsic['Fn::Join'])) {
    const [separator, parts] = intrinsic['Fn::Join'] as [string, unknown[]];
    return parts.map(resolved).join(separator);
  }
  return `<${String(Object.values(intrinsic)[0])}>`;
}
