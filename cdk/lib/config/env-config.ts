/**
 * Everything in which the stages differ, and nothing else. Stacks read this; they never ask which stage
 * they are in.
 */

export type Stage = 'dev' | 'prod';

/** The days that CloudWatch Logs accepts and that we use. */
export type RetentionDays = 7 | 14 | 30 | 90 | 365;

export interface NetworkConfig {
  readonly vpcCidr: string;
  /** Fixed, so that a synth never asks AWS; two zones are what Aurora and an ALB need. */
  readonly availabilityZones: readonly string[];
  readonly natGateways: number;
  /** Endpoints for ECR, Logs, Secrets Manager and S3: costs per hour, saves NAT traffic. */
  readonly vpcEndpoints: boolean;
}

export interface DatabaseConfig {
  readonly name: string;
  readonly username: string;
  /** Aurora capacity units. */
  readonly minCapacity: number;
  readonly maxCapacity: number;
  /** Readers besides the writer. */
  readonly readers: number;
  readonly backupRetentionDays: number;
  /** Also decides what happens on `cdk destroy`: protected data is snapshotted, other data goes. */
  readonly deletionProtection: boolean;
  readonly logRetentionDays: RetentionDays;
}

export interface EcrConfig {
  readonly maxImageCount: number;
  /** Delete the repository with its images when the stack is destroyed. */
  readonly emptyOnDelete: boolean;
}

export interface ComputeConfig {
  readonly cpu: 256 | 512 | 1024;
  readonly memoryMiB: 512 | 1024 | 2048;
  readonly imageTag: string;
  readonly desiredCount: number;
  /** @default no scaling: `desiredCount` it stays */
  readonly autoScaling?: { readonly maxCount: number; readonly cpuPercent: number };
  readonly containerInsights: boolean;
  readonly deletionProtection: boolean;
  readonly logRetentionDays: RetentionDays;
}

export interface MonitoringConfig {
  /** @default none: subscribe by hand */
  readonly alertEmails?: readonly string[];
  readonly cpuAlarmPercent: number;
  readonly serverErrorsPerFiveMinutes: number;
  readonly databaseCapacityAlarmPercent: number;
}

/** Where the batch runs. What is left out is taken from the Compute and Network stacks of the stage. */
export interface WorkflowEcsConfig {
  /** @default the cluster of ComputeStack */
  readonly clusterName?: string;
  /** Family (its newest active revision is run) or ARN. @default the API's family, from ComputeStack */
  readonly taskDefinition?: string;
  /** The roles of that task definition. @default the API's task role and execution role */
  readonly taskRoleArns?: readonly string[];
  /** @default the private subnets of NetworkStack */
  readonly subnetIds?: readonly string[];
  /** @default the application's security group of NetworkStack */
  readonly securityGroupIds?: readonly string[];
  /** @default the API's container */
  readonly containerName?: string;
}

export interface TimeoutConfig {
  /** One run of the batch; ECS stops it then. */
  readonly taskSeconds: number;
  /** The whole execution, relaunches and their pauses included. */
  readonly workflowSeconds: number;
}

export interface RetryConfig {
  /** How often a failed launch is launched again, whatever made it fail. The requirement says 3. */
  readonly launchRetriesMax: number;
  readonly launchIntervalSeconds: number;
  readonly launchBackoffRate: number;
  readonly launchDelayMaxSeconds: number;
  /** How often a batch that ran and failed is run again. 0: never. */
  readonly batchRetriesMax: number;
  readonly batchIntervalSeconds: number;
}

/** One scheduled workflow: this entry and its definition file are all that a new one takes. */
export interface WorkflowConfig {
  /** Part of every physical name: `<stage>-<name>`. */
  readonly name: string;
  /** In lib/workflows/. */
  readonly definitionFile: string;
  readonly description: string;
  readonly jobName: string;
  readonly command: readonly string[];
  /** Counts only where the stage's `scheduleEnabled` is true. */
  readonly schedule: { readonly enabled: boolean; readonly expression: string };
  /** @default the stage's */
  readonly timeouts?: TimeoutConfig;
  /** @default the stage's */
  readonly retries?: RetryConfig;
}

/** What starts the workflows: a rule of EventBridge, or a schedule of EventBridge Scheduler. */
export type Scheduler = 'rule' | 'scheduler';

export interface OrchestrationConfig {
  /** The stage's main switch. False: rules or schedules exist, disabled, and cost nothing. */
  readonly scheduleEnabled: boolean;
  /** @default 'rule' */
  readonly scheduler?: Scheduler;
  readonly ecs: WorkflowEcsConfig;
  readonly timeouts: TimeoutConfig;
  readonly retries: RetryConfig;
  readonly logRetentionDays: RetentionDays;
  /** X-Ray. */
  readonly tracingEnabled: boolean;
  readonly workflows: readonly WorkflowConfig[];
}

export interface EnvConfig {
  readonly stage: Stage;
  readonly region: string;
  readonly network: NetworkConfig;
  readonly database: DatabaseConfig;
  readonly ecr: EcrConfig;
  readonly compute: ComputeConfig;
  readonly monitoring: MonitoringConfig;
  readonly orchestration: OrchestrationConfig;
}

const region = 'ap-northeast-1';
const availabilityZones = ['ap-northeast-1a', 'ap-northeast-1c'];

/** Reads yesterday's data and writes the aggregate of the business date. 17:00 UTC is 02:00 in Tokyo. */
const sampleBatch: WorkflowConfig = {
  name: 'sample-batch',
  definitionFile: 'sample-batch.asl.json',
  description: 'Runs the sample batch as an ECS task, judges it, reports failures',
  jobName: 'sample-batch',
  command: ['python', '-m', 'batch.sample_batch'],
  schedule: { enabled: true, expression: 'cron(0 17 * * ? *)' },
};

/** Removes old rows. Off in both stages until somebody decides how long rows are kept. */
const cleanupBatch: WorkflowConfig = {
  name: 'cleanup-batch',
  definitionFile: 'cleanup-batch.asl.json',
  description: 'Removes old rows',
  jobName: 'cleanup-batch',
  command: ['python', '-m', 'batch.cleanup_batch'],
  schedule: { enabled: false, expression: 'cron(0 18 ? * SUN *)' },
};

const workflows = [sampleBatch, cleanupBatch];

export const stages: Readonly<Record<Stage, EnvConfig>> = {
  dev: {
    stage: 'dev',
    region,
    network: { vpcCidr: '10.0.0.0/16', availabilityZones, natGateways: 1, vpcEndpoints: false },
    database: {
      name: 'app',
      username: 'app',
      minCapacity: 0.5,
      maxCapacity: 1,
      readers: 0,
      backupRetentionDays: 1,
      deletionProtection: false,
      logRetentionDays: 7,
    },
    ecr: { maxImageCount: 5, emptyOnDelete: true },
    compute: {
      cpu: 256,
      memoryMiB: 512,
      imageTag: 'latest',
      desiredCount: 1,
      containerInsights: false,
      deletionProtection: false,
      logRetentionDays: 7,
    },
    monitoring: {
      cpuAlarmPercent: 90,
      serverErrorsPerFiveMinutes: 10,
      databaseCapacityAlarmPercent: 95,
    },
    orchestration: {
      scheduleEnabled: false,
      ecs: {},
      timeouts: { taskSeconds: 900, workflowSeconds: 1800 },
      retries: {
        launchRetriesMax: 3,
        launchIntervalSeconds: 2,
        launchBackoffRate: 2,
        launchDelayMaxSeconds: 30,
        batchRetriesMax: 0,
        batchIntervalSeconds: 60,
      },
      logRetentionDays: 7,
      tracingEnabled: false,
      workflows,
    },
  },
  prod: {
    stage: 'prod',
    region,
    network: { vpcCidr: '10.1.0.0/16', availabilityZones, natGateways: 2, vpcEndpoints: true },
    database: {
      name: 'app',
      username: 'app',
      minCapacity: 1,
      maxCapacity: 8,
      readers: 1,
      backupRetentionDays: 14,
      deletionProtection: true,
      logRetentionDays: 90,
    },
    ecr: { maxImageCount: 30, emptyOnDelete: false },
    compute: {
      cpu: 512,
      memoryMiB: 1024,
      imageTag: 'latest',
      desiredCount: 2,
      autoScaling: { maxCount: 6, cpuPercent: 60 },
      containerInsights: true,
      deletionProtection: true,
      logRetentionDays: 90,
    },
    monitoring: {
      cpuAlarmPercent: 80,
      serverErrorsPerFiveMinutes: 5,
      databaseCapacityAlarmPercent: 85,
    },
    orchestration: {
      scheduleEnabled: true,
      ecs: {},
      timeouts: { taskSeconds: 3600, workflowSeconds: 7200 },
      retries: {
        launchRetriesMax: 3,
        launchIntervalSeconds: 10,
        launchBackoffRate: 2,
        launchDelayMaxSeconds: 120,
        batchRetriesMax: 0,
        batchIntervalSeconds: 300,
      },
      logRetentionDays: 90,
      tracingEnabled: true,
      workflows,
    },
  },
};

export function stageConfig(stage: unknown): EnvConfig {
  if (stage !== 'dev' && stage !== 'prod') {
    throw new Error(`No stage ${JSON.stringify(stage)}: use -c stage=dev or -c stage=prod`);
  }
  return stages[stage];
}
