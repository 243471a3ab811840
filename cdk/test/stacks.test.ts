import { Match } from 'aws-cdk-lib/assertions';
import { stages } from '../lib/config/env-config';
import {
  Resource,
  bothStages,
  build,
  definition,
  resource,
  stackList,
  stacksOf,
  template,
  withOrchestration,
} from './support';

/** Every resource of every stack of a stage. */
function allResources(stage: 'dev' | 'prod'): [string, Resource][] {
  return stackList(stacksOf(stage)).flatMap((stack) =>
    Object.entries<Resource>(template(stack).toJSON().Resources ?? {}),
  );
}

/** `{type: number}` of what a row names. */
function count(stage: 'dev' | 'prod', type: string): number {
  return allResources(stage).filter(([, { Type }]) => Type === type).length;
}

const physicalNames: Readonly<Record<string, string>> = {
  'AWS::CloudWatch::Alarm': 'AlarmName',
  'AWS::CloudWatch::Dashboard': 'DashboardName',
  'AWS::EC2::SecurityGroup': 'GroupName',
  'AWS::ECR::Repository': 'RepositoryName',
  'AWS::ECS::Cluster': 'ClusterName',
  'AWS::ECS::Service': 'ServiceName',
  'AWS::ECS::TaskDefinition': 'Family',
  'AWS::ElasticLoadBalancingV2::LoadBalancer': 'Name',
  'AWS::ElasticLoadBalancingV2::TargetGroup': 'Name',
  'AWS::Events::Rule': 'Name',
  'AWS::Logs::LogGroup': 'LogGroupName',
  'AWS::RDS::DBCluster': 'DBClusterIdentifier',
  'AWS::RDS::DBInstance': 'DBInstanceIdentifier',
  'AWS::RDS::DBSubnetGroup': 'DBSubnetGroupName',
  'AWS::SNS::Topic': 'TopicName',
  'AWS::SQS::Queue': 'QueueName',
  'AWS::SecretsManager::Secret': 'Name',
  'AWS::StepFunctions::StateMachine': 'StateMachineName',
};

describe.each(bothStages)('%s', (stage) => {
  const stacks = stacksOf(stage);
  const config = stages[stage];

  test('has six stacks, named after the stage, in Tokyo, in the account of the caller', () => {
    expect(stackList(stacks).map((stack) => stack.stackName)).toEqual(
      ['Network', 'Database', 'Ecr', 'Compute', 'Monitoring', 'Orchestration'].map(
        (name) => `${stage}-${name}Stack`,
      ),
    );
    for (const stack of stackList(stacks)) {
      expect([stack.account, stack.region]).toEqual(['000000000000', 'ap-northeast-1']);
    }
  });

  test('carries the stage in every physical name', () => {
    for (const [id, { Type, Properties }] of allResources(stage)) {
      const property = physicalNames[Type];
      // The groups of the prod endpoints are named by CloudFormation, after their stack.
      if (!property || (Type === 'AWS::EC2::SecurityGroup' && id.includes('Endpoint'))) continue;
      expect(`${id}: ${Properties[property]}`).toMatch(new RegExp(`: .*\\b${stage}-|: /${stage}/`));
    }
  });

  test('has no custom resource and no Lambda function', () => {
    for (const [, { Type }] of allResources(stage)) {
      expect(Type).not.toMatch(/^Custom::|^AWS::CloudFormation::CustomResource|^AWS::Lambda::/);
    }
  });

  test('deploys Orchestration after Network, Compute and Monitoring', () => {
    // Before synthesis, when only what was declared counts, not what references imply.
    const { orchestration, network, compute, monitoring } = build(config);
    expect(orchestration.dependencies).toEqual(
      expect.arrayContaining([network, compute, monitoring]),
    );
  });

  test('exports no task definition, so that a new revision can always be deployed', () => {
    const exports = JSON.stringify(template(stacks.compute).toJSON().Outputs);
    expect(exports).not.toMatch(/"Ref":"ApiTask[0-9A-F]+"/);
  });

  test('gives the API container port, health check, stage and the secret of the database', () => {
    template(stacks.compute).hasResourceProperties('AWS::ECS::TaskDefinition', {
      Family: `${stage}-api`,
      ContainerDefinitions: [
        Match.objectLike({
          Name: 'api',
          PortMappings: [{ ContainerPort: 8000, Protocol: 'tcp' }],
          Environment: [{ Name: 'APP_STAGE', Value: stage }],
          Secrets: ['HOST', 'PORT', 'NAME', 'USERNAME', 'PASSWORD'].map((name) =>
            Match.objectLike({ Name: `DB_${name}` }),
          ),
          LogConfiguration: Match.objectLike({ LogDriver: 'awslogs' }),
        }),
      ],
    });
    template(stacks.compute).hasResourceProperties('AWS::ElasticLoadBalancingV2::TargetGroup', {
      HealthCheckPath: '/health',
      Port: 8000,
    });
  });

  test('generates the password and lets only the application reach the database', () => {
    template(stacks.database).hasResourceProperties('AWS::SecretsManager::Secret', {
      GenerateSecretString: Match.objectLike({ GenerateStringKey: 'password' }),
    });
    template(stacks.network).hasResourceProperties('AWS::EC2::SecurityGroupIngress', {
      FromPort: 5432,
      ToPort: 5432,
      SourceSecurityGroupId: { 'Fn::GetAtt': [Match.stringLikeRegexp('^Application'), 'GroupId'] },
    });
  });

  test('keeps logs as long as configured, and no log for ever', () => {
    for (const [id, { Type, Properties }] of allResources(stage)) {
      if (Type !== 'AWS::Logs::LogGroup') continue;
      expect([id, Properties.RetentionInDays]).toEqual([id, stage === 'dev' ? 7 : 90]);
    }
    expect(count(stage, 'AWS::Logs::LogGroup')).toBe(4);
  });

  test('lets alarms publish to the alert topic, and nobody without TLS', () => {
    template(stacks.monitoring).hasResourceProperties('AWS::SNS::TopicPolicy', {
      PolicyDocument: Match.objectLike({
        Statement: Match.arrayWith([
          Match.objectLike({
            Effect: 'Deny',
            Condition: { Bool: { 'aws:SecureTransport': 'false' } },
          }),
          Match.objectLike({
            Effect: 'Allow',
            Principal: { Service: 'cloudwatch.amazonaws.com' },
            Condition: { StringEquals: { 'aws:SourceAccount': '000000000000' } },
          }),
        ]),
      }),
    });
  });

  describe.each(config.orchestration.workflows)('workflow $name', (workflow) => {
    const prefix = workflow.name.replace('-', '');
    const stack = stacks.orchestration;

    test('is a standard machine that logs everything, and traces where configured', () => {
      expect(resource(stack, 'AWS::StepFunctions::StateMachine', prefix).Properties).toMatchObject({
        StateMachineName: `${stage}-${workflow.name}`,
        StateMachineType: 'STANDARD',
        LoggingConfiguration: { Level: 'ALL', IncludeExecutionData: true },
        TracingConfiguration: { Enabled: stage === 'prod' },
      });
    });

    test('keeps its definition in a file', () => {
      const machine = resource(stack, 'AWS::StepFunctions::StateMachine', prefix).Properties;
      expect(machine.DefinitionS3Location).toBeDefined();
      expect(machine.DefinitionString).toBeUndefined();
      expect(JSON.stringify(definition(stack, prefix, workflow.definitionFile))).not.toContain(
        '${',
      );
    });

    test('may do on AWS exactly what it needs', () => {
      const { Statement } = resource(stack, 'AWS::IAM::Policy', `${prefix}StateMachineRole`)
        .Properties.PolicyDocument;
      const cluster = { ArnEquals: { 'ecs:cluster': { 'Fn::ImportValue': expect.any(String) } } };
      const imported = (name: string) => ({ 'Fn::ImportValue': expect.stringContaining(name) });
      const expected = [
        {
          Sid: 'RunTheTask',
          Action: 'ecs:RunTask',
          Effect: 'Allow',
          Resource: `arn:aws:ecs:ap-northeast-1:000000000000:task-definition/${stage}-api:*`,
          Condition: cluster,
        },
        {
          Sid: 'WatchAndStopTasks',
          Action: ['ecs:DescribeTasks', 'ecs:StopTask'],
          Effect: 'Allow',
          Resource: '*',
          Condition: cluster,
        },
        {
          Sid: 'PassTheTasksRoles',
          Action: 'iam:PassRole',
          Effect: 'Allow',
          Resource: [imported('ApiTaskExecutionRole'), imported('ApiTaskTaskRole')],
          Condition: { StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } },
        },
        {
          Sid: 'HearThatATaskStopped',
          Action: ['events:DescribeRule', 'events:PutRule', 'events:PutTargets'],
          Effect: 'Allow',
          Resource:
            'arn:aws:events:ap-northeast-1:000000000000:rule/StepFunctionsGetEventsForECSTaskRule',
        },
        { Action: 'sns:Publish', Effect: 'Allow', Resource: imported('AlertTopic') },
      ];
      expect(Statement).toEqual(expect.arrayContaining(expected));
      // The rest is what AWS forces to be on *: log delivery, and X-Ray where traced.
      const rest = Statement.filter(
        (statement: { Action: string | string[]; Resource: unknown }) =>
          ![statement.Action].flat().every((action) => /^(ecs|iam|events|sns):/.test(action)),
      );
      expect(Statement).toHaveLength(expected.length + rest.length);
      for (const statement of rest) {
        expect(statement.Resource).toBe('*');
        for (const action of [statement.Action].flat()) expect(action).toMatch(/^(logs|xray):/);
      }
      expect(JSON.stringify(rest).includes('xray:')).toBe(config.orchestration.tracingEnabled);
    });

    test('is started by a rule with the scheduled time, with retries and a dead-letter queue', () => {
      const enabled = stage === 'prod' && workflow.name === 'sample-batch';
      expect(resource(stack, 'AWS::Events::Rule', prefix).Properties).toMatchObject({
        Name: `${stage}-${workflow.name}`,
        State: enabled ? 'ENABLED' : 'DISABLED',
        ScheduleExpression:
          workflow.name === 'sample-batch' ? 'cron(0 17 * * ? *)' : 'cron(0 18 ? * SUN *)',
        Targets: [
          {
            InputTransformer: {
              InputPathsMap: { time: '$.time' },
              InputTemplate: `{"scheduledTime":<time>,"environment":"${stage}","jobName":"${workflow.jobName}"}`,
            },
            RetryPolicy: { MaximumEventAgeInSeconds: 7200, MaximumRetryAttempts: 10 },
            DeadLetterConfig: { Arn: expect.anything() },
          },
        ],
      });
    });

    test('may be started by that rule, which may do nothing else', () => {
      const policy = resource(stack, 'AWS::IAM::Policy', `${prefix}StateMachineEventsRole`);
      expect(policy.Properties.PolicyDocument.Statement).toEqual([
        {
          Action: 'states:StartExecution',
          Effect: 'Allow',
          Resource: { Ref: expect.stringContaining(`${prefix}StateMachine`) },
        },
      ]);
    });

    test.each(['ExecutionsFailed', 'ExecutionsTimedOut'])('raises an alarm on %s', (metric) => {
      expect(
        resource(stack, 'AWS::CloudWatch::Alarm', `${prefix}${metric}`).Properties,
      ).toMatchObject({
        Namespace: 'AWS/States',
        MetricName: metric,
        Threshold: 1,
        EvaluationPeriods: 1,
        Statistic: 'Sum',
        AlarmActions: [{ 'Fn::ImportValue': expect.stringContaining('AlertTopic') }],
      });
    });

    test('raises an alarm on a start that was given up', () => {
      expect(
        resource(stack, 'AWS::CloudWatch::Alarm', `${prefix}DeadLetters`).Properties,
      ).toMatchObject({ MetricName: 'ApproximateNumberOfMessagesVisible', Threshold: 1 });
    });
  });
});

describe('what differs between the stages', () => {
  test.each([
    ['AWS::EC2::NatGateway', 1, 2],
    ['AWS::EC2::VPCEndpoint', 0, 5],
    ['AWS::RDS::DBInstance', 1, 2],
    ['AWS::ApplicationAutoScaling::ScalableTarget', 0, 1],
  ])('%s: %d in dev, %d in prod', (type, inDev, inProd) => {
    expect([count('dev', type), count('prod', type)]).toEqual([inDev, inProd]);
  });

  test('prod keeps its data, dev lets go of it', () => {
    const policyOf = (stage: 'dev' | 'prod', type: string) =>
      allResources(stage).find(([, { Type }]) => Type === type)?.[1];
    expect(policyOf('dev', 'AWS::RDS::DBCluster')).toMatchObject({
      DeletionPolicy: 'Delete',
      Properties: { DeletionProtection: false },
    });
    expect(policyOf('prod', 'AWS::RDS::DBCluster')).toMatchObject({
      DeletionPolicy: 'Snapshot',
      Properties: { DeletionProtection: true },
    });
    expect(policyOf('prod', 'AWS::ECR::Repository')).toMatchObject({ DeletionPolicy: 'Retain' });
  });
});

describe('with EventBridge Scheduler instead of rules', () => {
  const { orchestration } = build(withOrchestration('prod', { scheduler: 'scheduler' }));

  test('a schedule starts the machine with the scheduled time, retries and a dead-letter queue', () => {
    expect(template(orchestration).findResources('AWS::Events::Rule')).toEqual({});
    expect(
      resource(orchestration, 'AWS::Scheduler::Schedule', 'samplebatch').Properties,
    ).toMatchObject({
      Name: 'prod-sample-batch',
      State: 'ENABLED',
      ScheduleExpression: 'cron(0 17 * * ? *)',
      ScheduleExpressionTimezone: 'Etc/UTC',
      FlexibleTimeWindow: { Mode: 'OFF' },
      Target: {
        Arn: { Ref: expect.stringContaining('samplebatchStateMachine') },
        Input: JSON.stringify({
          scheduledTime: '<aws.scheduler.scheduled-time>',
          environment: 'prod',
          jobName: 'sample-batch',
        }),
        RetryPolicy: { MaximumEventAgeInSeconds: 7200, MaximumRetryAttempts: 10 },
        DeadLetterConfig: { Arn: expect.anything() },
      },
    });
    expect(
      resource(orchestration, 'AWS::Scheduler::Schedule', 'cleanupbatch').Properties.State,
    ).toBe('DISABLED');
  });

  test('its role may start that machine and write to that queue, for schedules of this account', () => {
    const { RoleArn } = resource(orchestration, 'AWS::Scheduler::Schedule', 'samplebatch')
      .Properties.Target;
    const role: string = RoleArn['Fn::GetAtt'][0];
    const trust = resource(orchestration, 'AWS::IAM::Role', role).Properties;
    expect(trust.AssumeRolePolicyDocument.Statement).toEqual([
      {
        Effect: 'Allow',
        Action: 'sts:AssumeRole',
        Principal: { Service: 'scheduler.amazonaws.com' },
        Condition: {
          StringEquals: {
            'aws:SourceAccount': '000000000000',
            'aws:SourceArn': expect.anything(),
          },
        },
      },
    ]);
    const policy = resource(orchestration, 'AWS::IAM::Policy', role.slice(0, -8)).Properties;
    expect(policy.PolicyDocument.Statement).toEqual([
      {
        Effect: 'Allow',
        Action: 'states:StartExecution',
        Resource: { Ref: expect.stringContaining('samplebatchStateMachine') },
      },
      {
        Effect: 'Allow',
        Action: 'sqs:SendMessage',
        Resource: { 'Fn::GetAtt': [expect.stringContaining('samplebatchDeadLetters'), 'Arn'] },
      },
    ]);
  });
});

describe('the configuration', () => {
  test('enables the schedule in dev with one value', () => {
    const { orchestration } = build(withOrchestration('dev', { scheduleEnabled: true }));
    const rule = (prefix: string) =>
      resource(orchestration, 'AWS::Events::Rule', prefix).Properties;
    expect(rule('samplebatch').State).toBe('ENABLED');
    expect(rule('cleanupbatch').State).toBe('DISABLED'); // Off by its own switch, in both stages.
  });

  test('takes cluster, task definition, roles, subnets, groups and container from elsewhere', () => {
    const arn = 'arn:aws:ecs:ap-northeast-1:000000000000:task-definition/batch:7';
    const role = 'arn:aws:iam::000000000000:role/batch';
    const { orchestration } = build(
      withOrchestration('dev', {
        ecs: {
          clusterName: 'other',
          taskDefinition: arn,
          taskRoleArns: [role],
          subnetIds: ['subnet-1'],
          securityGroupIds: ['sg-1'],
          containerName: 'batch',
        },
      }),
    );
    const machine = definition(orchestration, 'samplebatch', 'sample-batch.asl.json');
    expect(machine.States.RunBatch.Branches[0].States.RunTask.Parameters).toMatchObject({
      Cluster: 'arn:aws:ecs:ap-northeast-1:000000000000:cluster/other',
      TaskDefinition: arn,
      NetworkConfiguration: {
        AwsvpcConfiguration: { Subnets: ['subnet-1'], SecurityGroups: ['sg-1'] },
      },
      Overrides: { ContainerOverrides: [{ Name: 'batch' }] },
    });
    const policy = resource(orchestration, 'AWS::IAM::Policy', 'samplebatchStateMachineRole');
    expect(policy.Properties.PolicyDocument.Statement).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ Action: 'ecs:RunTask', Resource: arn }),
        expect.objectContaining({ Action: 'iam:PassRole', Resource: role }),
      ]),
    );
  });

  test.each([
    ['stage', () => import('../lib/config/env-config').then((m) => m.stageConfig('test'))],
  ])('refuses an unknown %s', async (_, act) => {
    await expect(act()).rejects.toThrow('No stage "test": use -c stage=dev or -c stage=prod');
  });

  test('refuses a definition that asks for what nobody gives', () => {
    const [first] = stages.dev.orchestration.workflows;
    if (!first) throw new Error('No workflow is configured');
    const workflows = [{ ...first, definitionFile: '../../test/unknown-substitution.asl.json' }];
    expect(() => build(withOrchestration('dev', { workflows }))).toThrow(
      'nothing fills in ${Nobody}',
    );
  });
});
