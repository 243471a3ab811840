import { RemovalPolicy, Stack, StackProps } from 'aws-cdk-lib';
import { RetentionDays as LogRetention } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { EnvConfig, RetentionDays } from '../config/env-config';

export interface StageStackProps extends StackProps {
  readonly config: EnvConfig;
}

/** A stack of one stage. Every physical name comes from `physicalName`, so dev and prod share an account. */
export class StageStack extends Stack {
  protected readonly config: EnvConfig;

  constructor(scope: Construct, id: string, props: StageStackProps) {
    super(scope, id, { env: props.env, description: props.description });
    this.config = props.config;
  }

  physicalName(name: string): string {
    return `${this.config.stage}-${name}`;
  }

  /** Logs go with their stack: they expire anyway, and a leftover group would block the next create. */
  protected static readonly logRemoval = RemovalPolicy.DESTROY;
}

export function logRetention(days: RetentionDays): LogRetention {
  return days as LogRetention; // The enumerators are the numbers of days.
}
