import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Duration, RemovalPolicy, Stack, TimeZone, Token, Validations } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as scheduler from 'aws-cdk-lib/aws-scheduler';
import { StepFunctionsStartExecution } from 'aws-cdk-lib/aws-scheduler-targets';
import * as sns from 'aws-cdk-lib/aws-sns';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { RetryConfig, Scheduler, Stage, TimeoutConfig, WorkflowConfig } from '../config/env-config';

/** Where a workflow runs its task. */
export interface EcsTarget {
  readonly clusterArn: string;
  /** What RunTask is given: a family or an ARN. */
  readonly taskDefinition: string;
  /** What the role may run. */
  readonly taskDefinitionArn: string;
  /** What the role may pass to ECS. */
  readonly taskRoleArns: readonly string[];
  readonly subnetIds: readonly string[];
  readonly securityGroupIds: readonly string[];
  readonly containerName: string;
  /** Named in a failure notice. */
  readonly logGroupName: string;
}

export interface ScheduledWorkflowProps {
  readonly stage: Stage;
  readonly workflow: WorkflowConfig;
  readonly enabled: boolean;
  readonly scheduler: Scheduler;
  readonly target: EcsTarget;
  readonly timeouts: TimeoutConfig;
  readonly retries: RetryConfig;
  readonly logRetention: logs.RetentionDays;
  readonly tracingEnabled: boolean;
  readonly alertTopic: sns.ITopic;
}

/**
 * A standard state machine from a definition file, the rule or schedule that starts it, and what an
 * operator needs of both: the execution log, a queue for starts that failed, alarms.
 */
export class ScheduledWorkflow extends Construct {
  readonly stateMachine: sfn.StateMachine;
  readonly deadLetterQueue: sqs.Queue;
  readonly logGroup: logs.LogGroup;

  constructor(scope: Construct, id: string, props: ScheduledWorkflowProps) {
    super(scope, id);
    const name = `${props.stage}-${props.workflow.name}`;
    this.logGroup = new logs.LogGroup(this, 'Logs', {
      logGroupName: executionLogGroup(name),
      retention: props.logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.stateMachine = this.makeStateMachine(name, props);
    this.allowRunningTheTask(props.target);
    props.alertTopic.grantPublish(this.stateMachine);

    this.deadLetterQueue = new sqs.Queue(this, 'DeadLetters', {
      queueName: `${name}-dlq`,
      encryption: sqs.QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
    });
    if (props.scheduler === 'rule') this.addRule(name, props);
    else this.addSchedule(name, props);
    this.addAlarms(name, props.alertTopic);
    this.acknowledge(props);
  }

  private makeStateMachine(name: string, props: ScheduledWorkflowProps): sfn.StateMachine {
    const file = join(__dirname, '..', 'workflows', props.workflow.definitionFile);
    return new sfn.StateMachine(this, 'StateMachine', {
      stateMachineName: name,
      stateMachineType: sfn.StateMachineType.STANDARD,
      comment: props.workflow.description,
      definitionBody: sfn.DefinitionBody.fromFile(file),
      definitionSubstitutions: usedIn(file, this.substitutions(name, props)),
      logs: { destination: this.logGroup, level: sfn.LogLevel.ALL, includeExecutionData: true },
      tracingEnabled: props.tracingEnabled,
    });
  }

  /** Put into the definition as text, before it is read as JSON: numbers and lists stand there bare. */
  private substitutions(name: string, props: ScheduledWorkflowProps): Record<string, string> {
    const { stage, workflow, target, timeouts, retries } = props;
    const stack = Stack.of(this);
    return {
      Stage: stage,
      Region: stack.region,
      WorkflowName: name,
      JobName: workflow.jobName,
      CommandArguments: workflow.command.map(quoted).join(', '),
      ClusterArn: target.clusterArn,
      TaskDefinition: target.taskDefinition,
      ContainerName: target.containerName,
      SubnetIds: stack.toJsonString(target.subnetIds),
      SecurityGroupIds: stack.toJsonString(target.securityGroupIds),
      TopicArn: props.alertTopic.topicArn,
      BatchLogGroupName: target.logGroupName,
      ExecutionLogGroupName: executionLogGroup(name),
      TaskTimeoutSeconds: `${timeouts.taskSeconds}`,
      WorkflowTimeoutSeconds: `${timeouts.workflowSeconds}`,
      LaunchRetriesMax: `${retries.launchRetriesMax}`,
      LaunchIntervalSeconds: `${retries.launchIntervalSeconds}`,
      LaunchBackoffRate: `${retries.launchBackoffRate}`,
      LaunchDelayMaxSeconds: `${retries.launchDelayMaxSeconds}`,
      BatchRetriesMax: `${retries.batchRetriesMax}`,
      BatchIntervalSeconds: `${retries.batchIntervalSeconds}`,
    };
  }

  private allowRunningTheTask(target: EcsTarget) {
    const stack = Stack.of(this);
    const inThisCluster = { ArnEquals: { 'ecs:cluster': target.clusterArn } };
    const statements = [
      new iam.PolicyStatement({
        sid: 'RunTheTask',
        actions: ['ecs:RunTask'],
        resources: [target.taskDefinitionArn],
        conditions: inThisCluster,
      }),
      new iam.PolicyStatement({
        sid: 'WatchAndStopTasks',
        actions: ['ecs:StopTask', 'ecs:DescribeTasks'],
        // A task's ARN ends in an id that ECS makes up: the cluster is all that is known before.
        resources: ['*'],
        conditions: inThisCluster,
      }),
      new iam.PolicyStatement({
        sid: 'PassTheTasksRoles',
        actions: ['iam:PassRole'],
        resources: [...target.taskRoleArns],
        conditions: { StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } },
      }),
      new iam.PolicyStatement({
        sid: 'HearThatATaskStopped',
        // `.sync` waits through this rule, which Step Functions makes and shares in the account.
        // docs.aws.amazon.com/step-functions/latest/dg/connect-ecs.html
        actions: ['events:PutTargets', 'events:PutRule', 'events:DescribeRule'],
        resources: [
          stack.formatArn({
            service: 'events',
            resource: 'rule',
            resourceName: 'StepFunctionsGetEventsForECSTaskRule',
          }),
        ],
      }),
    ];
    for (const statement of statements) this.stateMachine.addToRolePolicy(statement);
  }

  private addRule(name: string, props: ScheduledWorkflowProps) {
    new events.Rule(this, 'Rule', {
      ruleName: name,
      description: props.workflow.description,
      enabled: props.enabled,
      schedule: events.Schedule.expression(props.workflow.schedule.expression),
      targets: [
        new targets.SfnStateMachine(this.stateMachine, {
          input: events.RuleTargetInput.fromObject({
            scheduledTime: events.EventField.time,
            ...this.input(props),
          }),
          deadLetterQueue: this.deadLetterQueue,
          ...starts,
        }),
      ],
    });
  }

  /** Its role, which the target makes, may start this machine and write to this queue. */
  private addSchedule(name: string, props: ScheduledWorkflowProps) {
    new scheduler.Schedule(this, 'Schedule', {
      scheduleName: name,
      description: props.workflow.description,
      enabled: props.enabled,
      schedule: scheduler.ScheduleExpression.expression(
        props.workflow.schedule.expression,
        TimeZone.ETC_UTC,
      ),
      target: new StepFunctionsStartExecution(this.stateMachine, {
        input: scheduler.ScheduleTargetInput.fromObject({
          scheduledTime: scheduler.ContextAttribute.scheduledTime,
          ...this.input(props),
        }),
        deadLetterQueue: this.deadLetterQueue,
        ...starts,
      }),
    });
  }

  /** Of every execution that is started on schedule; scheduledTime stands beside it. */
  private input(props: ScheduledWorkflowProps) {
    return { environment: props.stage, jobName: props.workflow.jobName };
  }

  private addAlarms(name: string, topic: sns.ITopic) {
    const period = Duration.minutes(5);
    // A timed-out execution counts as neither failed nor succeeded, and reports nothing itself.
    const metrics = {
      ExecutionsFailed: this.stateMachine.metricFailed({ period }),
      ExecutionsTimedOut: this.stateMachine.metricTimedOut({ period }),
      DeadLettersVisible: this.deadLetterQueue.metricApproximateNumberOfMessagesVisible({ period }),
    };
    for (const [what, metric] of Object.entries(metrics)) {
      metric
        .createAlarm(this, `${what}Alarm`, {
          alarmName: `${name}-${what}`,
          threshold: 1,
          evaluationPeriods: 1,
          comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
          treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
        })
        .addAlarmAction(new SnsAction(topic));
    }
  }

  private acknowledge(props: ScheduledWorkflowProps) {
    const { taskDefinitionArn } = props.target;
    Validations.of(this.stateMachine).acknowledge({
      id: 'AwsSolutions-IAM5[Resource::*]',
      reason:
        'Log delivery and X-Ray know no resources, and a task has no name before it runs (there the ' +
        'cluster is a condition).',
    });
    if (taskDefinitionArn.endsWith(':*') && !Token.isUnresolved(taskDefinitionArn)) {
      Validations.of(this.stateMachine).acknowledge({
        id: `AwsSolutions-IAM5[Resource::${taskDefinitionArn}]`,
        reason: 'The newest revision is run, so a deployment of the API must not need one of this.',
      });
    }
    if (!props.tracingEnabled) {
      Validations.of(this.stateMachine).acknowledge({
        id: 'AwsSolutions-SF2',
        reason: 'Traces cost; off where nobody reads them. The execution log has every event.',
      });
    }
    Validations.of(this.deadLetterQueue).acknowledge({
      id: 'AwsSolutions-SQS3',
      reason: 'It is a dead-letter queue; the rule that cannot see so looks only for other queues.',
    });
  }
}

/** How long and how often a start that failed is tried again. */
const starts = { maxEventAge: Duration.hours(2), retryAttempts: 10 };

/**
 * Under this prefix the group does not count against the size of the account's log resource policy.
 * docs.aws.amazon.com/step-functions/latest/dg/bp-cwl.html
 */
function executionLogGroup(name: string): string {
  return `/aws/vendedlogs/states/${name}`;
}

/** A literal for States.Array, where a backslash escapes a quote. */
function quoted(argument: string): string {
  return `'${argument.replace(/['\\]/g, String.raw`\\$&`)}'`;
}

/** What the file asks for, and an error if that is something nobody gives. */
function usedIn(file: string, all: Record<string, string>): Record<string, string> {
  const names = new Set(
    [...readFileSync(file, 'utf8').matchAll(/\$\{(\w+)\}/g)].map((match) => match[1] ?? ''),
  );
  return Object.fromEntries(
    [...names].sort().map((name) => {
      const value = all[name];
      if (value === undefined) throw new Error(`${file}: nothing fills in \${${name}}`);
      return [name, value];
    }),
  );
}
