import { CfnOutput, Duration, Validations } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as ecs from 'aws-cdk-lib/aws-ecs';
import * as elbv2 from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { DatabaseStack } from './database-stack';
import { EcrStack } from './ecr-stack';
import { NetworkStack, apiPort } from './network-stack';
import { StageStack, StageStackProps, logRetention } from './stage-stack';

export interface ComputeStackProps extends StageStackProps {
  readonly network: NetworkStack;
  readonly database: DatabaseStack;
  readonly ecr: EcrStack;
}

/** The Fargate cluster, the API's task definition (the batch runs on it too) and the API behind its ALB. */
export class ComputeStack extends StageStack {
  readonly cluster: ecs.Cluster;
  /**
   * The family, not the construct: a reference to the construct would export the revision, and
   * CloudFormation refuses to change an export in use, so no new revision could ever be deployed.
   */
  readonly taskDefinitionFamily: string;
  readonly containerName = 'api';
  readonly taskRole: iam.IRole;
  readonly executionRole: iam.IRole;
  readonly logGroup: logs.LogGroup;
  readonly service: ecs.FargateService;
  readonly loadBalancer: elbv2.ApplicationLoadBalancer;
  readonly targetGroup: elbv2.ApplicationTargetGroup;

  constructor(scope: Construct, id: string, props: ComputeStackProps) {
    super(scope, id, { ...props, description: 'Fargate cluster, API service, load balancer' });
    const compute = this.config.compute;
    const { vpc, applicationSecurityGroup } = props.network;

    this.cluster = new ecs.Cluster(this, 'Cluster', {
      vpc,
      clusterName: this.physicalName('cluster'),
      containerInsightsV2: compute.containerInsights
        ? ecs.ContainerInsights.ENABLED
        : ecs.ContainerInsights.DISABLED,
    });
    this.logGroup = new logs.LogGroup(this, 'ApiLogGroup', {
      logGroupName: `/${this.config.stage}/ecs/api`,
      retention: logRetention(compute.logRetentionDays),
      removalPolicy: StageStack.logRemoval,
    });
    this.taskDefinitionFamily = this.physicalName('api');
    const taskDefinition = this.defineTask(props);
    this.taskRole = taskDefinition.taskRole;
    this.executionRole = taskDefinition.obtainExecutionRole();

    this.service = new ecs.FargateService(this, 'Service', {
      serviceName: this.physicalName('api'),
      cluster: this.cluster,
      taskDefinition,
      desiredCount: compute.desiredCount,
      securityGroups: [applicationSecurityGroup],
      vpcSubnets: { subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS },
      circuitBreaker: { rollback: true },
      minHealthyPercent: 100,
      maxHealthyPercent: 200,
      healthCheckGracePeriod: Duration.seconds(60),
    });
    const scaling = compute.autoScaling;
    if (scaling) {
      this.service
        .autoScaleTaskCount({ minCapacity: compute.desiredCount, maxCapacity: scaling.maxCount })
        .scaleOnCpuUtilization('CpuScaling', {
          policyName: this.physicalName('api-cpu'),
          targetUtilizationPercent: scaling.cpuPercent,
        });
    }
    this.loadBalancer = this.makeLoadBalancer(props.network);
    this.targetGroup = this.loadBalancer
      .addListener('Http', { port: 80, open: false })
      .addTargets('Api', {
        targetGroupName: this.physicalName('api'),
        port: apiPort,
        protocol: elbv2.ApplicationProtocol.HTTP,
        targets: [this.service],
        healthCheck: { path: '/health', interval: Duration.seconds(30) },
        deregistrationDelay: Duration.seconds(30),
      });
    this.acknowledge(taskDefinition);
    new CfnOutput(this, 'ApiUrl', { value: `http://${this.loadBalancer.loadBalancerDnsName}` });
  }

  private defineTask({ database, ecr }: ComputeStackProps): ecs.FargateTaskDefinition {
    const { cpu, memoryMiB, imageTag } = this.config.compute;
    const task = new ecs.FargateTaskDefinition(this, 'ApiTask', {
      family: this.taskDefinitionFamily,
      cpu,
      memoryLimitMiB: memoryMiB,
    });
    const field = (name: string) => ecs.Secret.fromSecretsManager(database.secret, name);
    task.addContainer(this.containerName, {
      image: ecs.ContainerImage.fromEcrRepository(ecr.repository, imageTag),
      portMappings: [{ containerPort: apiPort }],
      environment: { APP_STAGE: this.config.stage },
      secrets: {
        DB_HOST: field('host'),
        DB_PORT: field('port'),
        DB_NAME: field('dbname'),
        DB_USERNAME: field('username'),
        DB_PASSWORD: field('password'),
      },
      logging: ecs.LogDrivers.awsLogs({ logGroup: this.logGroup, streamPrefix: 'api' }),
    });
    return task;
  }

  private makeLoadBalancer(network: NetworkStack): elbv2.ApplicationLoadBalancer {
    return new elbv2.ApplicationLoadBalancer(this, 'LoadBalancer', {
      loadBalancerName: this.physicalName('alb'),
      vpc: network.vpc,
      internetFacing: true,
      securityGroup: network.loadBalancerSecurityGroup,
      deletionProtection: this.config.compute.deletionProtection,
      dropInvalidHeaderFields: true,
    });
  }

  private acknowledge(task: ecs.FargateTaskDefinition) {
    Validations.of(task).acknowledge(
      {
        id: 'AwsSolutions-ECS2',
        reason: 'The stage name is no secret; everything secret comes from Secrets Manager.',
      },
      {
        id: 'AwsSolutions-IAM5[Resource::*]',
        reason: 'ecr:GetAuthorizationToken has no resource; AWS accepts only *.',
      },
    );
    Validations.of(this.loadBalancer).acknowledge({
      id: 'AwsSolutions-ELB2',
      reason:
        'Access logs need a bucket of their own; CloudWatch metrics are enough for a sample API.',
    });
    if (!this.config.compute.containerInsights) {
      Validations.of(this.cluster).acknowledge({
        id: 'AwsSolutions-ECS4',
        reason: 'Container Insights costs per metric; off where nobody watches.',
      });
    }
  }
}
