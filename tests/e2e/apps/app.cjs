// Apps as users write them, with the defaults of the CDK: each a stack, its second version under
// `-c next=true`. Run from cdk/, whose node_modules has the library: `cdk --app "node ../tests/e2e/apps/app.cjs"`.
const { createRequire } = require('node:module');
const path = require('node:path');
const load = createRequire(path.join(process.cwd(), 'package.json'));
const cdk = load('aws-cdk-lib');
const {
  aws_cloudwatch: cloudwatch, aws_cloudwatch_actions: actions, aws_ec2: ec2, aws_ecr: ecr, aws_ecs: ecs,
  aws_events: events, aws_events_targets: targets, aws_iam: iam, aws_kms: kms, aws_logs: logs, aws_s3: s3,
  aws_scheduler: scheduler, aws_scheduler_targets: scheduled, aws_secretsmanager: secrets, aws_sns: sns, aws_sns_subscriptions: subscriptions, aws_sqs: sqs, aws_ssm: ssm,
  aws_stepfunctions: sfn,
} = cdk;

const app = new cdk.App();
const next = app.node.tryGetContext('next') === 'true';
const env = { account: process.env.CDK_DEFAULT_ACCOUNT, region: 'ap-northeast-1' };

// Orders: a topic to queues by filter, a rule to a workflow whose definition is a file.
class Orders extends cdk.Stack {
  constructor(scope, id, props) {
    super(scope, id, props);
    const dead = new sqs.Queue(this, 'Dead', { retentionPeriod: cdk.Duration.days(14) });
    const queue = new sqs.Queue(this, 'Queue', {
      visibilityTimeout: cdk.Duration.seconds(next ? 90 : 60),
      deadLetterQueue: { queue: dead, maxReceiveCount: next ? 5 : 3 },
      enforceSSL: true,
    });
    const topic = new sns.Topic(this, 'Topic', { displayName: next ? undefined : 'Orders', enforceSSL: true });
    topic.addSubscription(
      new subscriptions.SqsSubscription(queue, {
        rawMessageDelivery: true,
        filterPolicy: { kind: sns.SubscriptionFilter.stringFilter({ allowlist: next ? ['new', 'old'] : ['new'] }) },
      }),
    );
    const group = new logs.LogGroup(this, 'Log', {
      retention: next ? logs.RetentionDays.ONE_MONTH : logs.RetentionDays.ONE_WEEK,
      removalPolicy: cdk.RemovalPolicy.DESTROY,
    });
    const machine = new sfn.StateMachine(this, 'Machine', {
      definitionBody: sfn.DefinitionBody.fromFile(path.join(__dirname, 'orders.asl.json')),
      definitionSubstitutions: { Queue: queue.queueUrl, Greeting: next ? 'hello again' : 'hello' },
      logs: { destination: group, level: sfn.LogLevel.ALL },
      tracingEnabled: next,
    });
    queue.grantSendMessages(machine);
    new events.Rule(this, 'Rule', {
      description: next ? 'orders and returns' : 'orders',
      eventPattern: { source: ['shop'], detailType: next ? ['order', 'return'] : ['order'] },
      targets: [new targets.SfnStateMachine(machine, { deadLetterQueue: dead, retryAttempts: 2 })],
    });
    new cdk.CfnOutput(this, 'QueueUrl', { value: queue.queueUrl });
    new cdk.CfnOutput(this, 'TopicArn', { value: topic.topicArn });
    new cdk.CfnOutput(this, 'MachineArn', { value: machine.stateMachineArn });
  }
}

// Settings: parameters, secrets, a key, a role with managed policies.
class Settings extends cdk.Stack {
  constructor(scope, id, props) {
    super(scope, id, props);
    new ssm.StringParameter(this, 'Level', { parameterName: '/app/level', stringValue: next ? 'debug' : 'info' });
    new ssm.StringListParameter(this, 'Zones', { parameterName: '/app/zones', stringListValue: ['a', 'b'] });
    const secret = new secrets.Secret(this, 'Secret', {
      description: next ? 'the new one' : 'the one',
      generateSecretString: { secretStringTemplate: JSON.stringify({ user: 'app' }), generateStringKey: 'password' },
    });
    const key = new kms.Key(this, 'Key', { alias: 'app', enableKeyRotation: next, removalPolicy: cdk.RemovalPolicy.DESTROY });
    const policy = new iam.ManagedPolicy(this, 'Policy', {
      statements: [new iam.PolicyStatement({ actions: next ? ['s3:GetObject', 's3:ListBucket'] : ['s3:GetObject'], resources: ['*'] })],
    });
    const role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('ecs-tasks.amazonaws.com'),
      managedPolicies: [policy, ...(next ? [] : [iam.ManagedPolicy.fromAwsManagedPolicyName('ReadOnlyAccess')])],
      description: next ? 'reads less' : undefined,
    });
    secret.grantRead(role);
    key.grantDecrypt(role);
    new cdk.CfnOutput(this, 'SecretArn', { value: secret.secretArn, exportName: 'app-secret' });
    new cdk.CfnOutput(this, 'PolicyArn', { value: policy.managedPolicyArn });
    new cdk.CfnOutput(this, 'RoleName', { value: role.roleName });
  }
}

// Files: a bucket with its policy and rules, a repository with a lifecycle.
class Files extends cdk.Stack {
  constructor(scope, id, props) {
    super(scope, id, props);
    const bucket = new s3.Bucket(this, 'Bucket', {
      encryption: s3.BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      versioned: next,
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      lifecycleRules: [{ expiration: cdk.Duration.days(next ? 30 : 90), prefix: 'tmp/' }],
      removalPolicy: cdk.RemovalPolicy.DESTROY,
    });
    const repository = new ecr.Repository(this, 'Repository', {
      imageScanOnPush: true,
      imageTagMutability: next ? ecr.TagMutability.IMMUTABLE : ecr.TagMutability.MUTABLE,
      lifecycleRules: [{ maxImageCount: next ? 5 : 10 }],
      emptyOnDelete: true,
      removalPolicy: cdk.RemovalPolicy.DESTROY,
    });
    new cdk.CfnOutput(this, 'BucketName', { value: bucket.bucketName });
    new cdk.CfnOutput(this, 'RepositoryName', { value: repository.repositoryName });
  }
}

// Service: a network, and a service whose task definition changes; alarms and a dashboard watch it.
class Service extends cdk.Stack {
  get availabilityZones() {
    return ['ap-northeast-1a', 'ap-northeast-1c'];
  }
  constructor(scope, id, props) {
    super(scope, id, props);
    const vpc = new ec2.Vpc(this, 'Vpc', { maxAzs: 2, natGateways: 1, restrictDefaultSecurityGroup: false });
    vpc.addInterfaceEndpoint('Logs', { service: ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS, privateDnsEnabled: !next });
    const front = new ec2.SecurityGroup(this, 'Front', { vpc, description: 'front' });
    const back = new ec2.SecurityGroup(this, 'Back', { vpc, description: 'back', allowAllOutbound: false });
    front.addIngressRule(ec2.Peer.anyIpv4(), ec2.Port.tcp(next ? 443 : 80), 'web');
    back.addIngressRule(front, ec2.Port.tcp(8080), next ? 'from the front' : undefined);
    back.addEgressRule(front, ec2.Port.tcp(9000));
    const cluster = new ecs.Cluster(this, 'Cluster', { vpc, containerInsightsV2: next ? ecs.ContainerInsights.ENABLED : ecs.ContainerInsights.DISABLED });
    const definition = new ecs.FargateTaskDefinition(this, 'Task', { family: 'app-task', cpu: next ? 512 : 256, memoryLimitMiB: 1024 });
    definition.addContainer('main', {
      image: ecs.ContainerImage.fromRegistry('busybox'),
      environment: { LEVEL: next ? 'debug' : 'info' },
      logging: ecs.LogDrivers.awsLogs({ streamPrefix: 'app', logRetention: undefined, logGroup: new logs.LogGroup(this, 'Log', { removalPolicy: cdk.RemovalPolicy.DESTROY }) }),
    });
    const service = new ecs.FargateService(this, 'Service', {
      cluster, taskDefinition: definition, desiredCount: 0, securityGroups: [back],
      minHealthyPercent: next ? 50 : 100, enableExecuteCommand: next, circuitBreaker: { rollback: true },
    });
    service.autoScaleTaskCount({ minCapacity: 0, maxCapacity: next ? 4 : 2 }).scaleOnCpuUtilization('Cpu', { targetUtilizationPercent: next ? 60 : 50 });
    const topic = new sns.Topic(this, 'Alarms');
    const alarm = service.metricCpuUtilization().createAlarm(this, 'Busy', { threshold: next ? 90 : 80, evaluationPeriods: 3, treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING });
    alarm.addAlarmAction(new actions.SnsAction(topic));
    const dashboard = new cloudwatch.Dashboard(this, 'Dashboard');
    dashboard.addWidgets(new cloudwatch.GraphWidget({ title: next ? 'load' : 'cpu', left: [service.metricCpuUtilization()] }), new cloudwatch.AlarmWidget({ alarm }));
    new cdk.CfnOutput(this, 'ClusterName', { value: cluster.clusterName });
    new cdk.CfnOutput(this, 'TaskDefinition', { value: definition.taskDefinitionArn });
    new cdk.CfnOutput(this, 'AlarmName', { value: alarm.alarmName });
  }
}

// Schedules: a group, a rate to a queue, and a cron in a zone that calls an operation.
class Schedules extends cdk.Stack {
  constructor(scope, id, props) {
    super(scope, id, props);
    const queue = new sqs.Queue(this, 'Queue');
    const group = new scheduler.ScheduleGroup(this, 'Group', { removalPolicy: cdk.RemovalPolicy.DESTROY });
    new scheduler.Schedule(this, 'Often', {
      schedule: scheduler.ScheduleExpression.rate(cdk.Duration.minutes(next ? 10 : 5)),
      scheduleGroup: group,
      target: new scheduled.SqsSendMessage(queue, { input: scheduler.ScheduleTargetInput.fromText(next ? 'rarely' : 'often') }),
    });
    const nightly = new scheduler.Schedule(this, 'Nightly', {
      schedule: scheduler.ScheduleExpression.cron({ minute: '0', hour: '2', timeZone: cdk.TimeZone.ASIA_TOKYO }),
      timeWindow: next ? scheduler.TimeWindow.flexible(cdk.Duration.minutes(15)) : scheduler.TimeWindow.off(),
      enabled: next,
      start: next ? new Date('2090-01-01T00:00:00Z') : undefined,
      target: new scheduled.Universal({
        service: 'sqs',
        action: 'purgeQueue',
        input: scheduler.ScheduleTargetInput.fromObject({ QueueUrl: queue.queueUrl }),
        policyStatements: [new iam.PolicyStatement({ actions: ['sqs:PurgeQueue'], resources: [queue.queueArn] })],
        deadLetterQueue: new sqs.Queue(this, 'Dead'),
        retryAttempts: next ? 1 : 2,
      }),
    });
    new cdk.CfnOutput(this, 'QueueUrl', { value: queue.queueUrl });
    new cdk.CfnOutput(this, 'GroupName', { value: group.scheduleGroupName });
    new cdk.CfnOutput(this, 'NightlyName', { value: nightly.scheduleName });
  }
}

// Nested: a queue in a nested stack whose dead letters go to a queue of the stack around it.
class Nested extends cdk.Stack {
  constructor(scope, id, props) {
    super(scope, id, props);
    const dead = new sqs.Queue(this, 'Dead');
    const inner = new cdk.NestedStack(this, 'Inner');
    const queue = new sqs.Queue(inner, 'Queue', {
      visibilityTimeout: cdk.Duration.seconds(next ? 90 : 60),
      deadLetterQueue: { queue: dead, maxReceiveCount: 3 },
    });
    new cdk.CfnOutput(this, 'QueueUrl', { value: queue.queueUrl });
    new cdk.CfnOutput(this, 'DeadArn', { value: dead.queueArn });
  }
}

const tags = { Owner: next ? 'them' : 'us' };
for (const [name, kind] of Object.entries({ Orders, Settings, Files, Service, Schedules, Nested })) new kind(app, `App${name}`, { env, tags });
