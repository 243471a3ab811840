import { ArnFormat, CfnOutput } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import { Construct } from 'constructs';
import { EcsTarget, ScheduledWorkflow } from '../constructs/scheduled-workflow';
import { ComputeStack } from './compute-stack';
import { MonitoringStack } from './monitoring-stack';
import { NetworkStack } from './network-stack';
import { StageStack, StageStackProps, logRetention } from './stage-stack';

export interface OrchestrationStackProps extends StageStackProps {
  readonly network: NetworkStack;
  readonly compute: ComputeStack;
  readonly monitoring: MonitoringStack;
}

/** The workflows of the stage: one state machine with its rule or schedule for each entry of the configured list. */
export class OrchestrationStack extends StageStack {
  readonly workflows: readonly ScheduledWorkflow[];

  constructor(scope: Construct, id: string, props: OrchestrationStackProps) {
    super(scope, id, { ...props, description: 'Step Functions workflows and their schedules' });
    const orchestration = this.config.orchestration;
    const target = this.ecsTarget(props);
    this.workflows = orchestration.workflows.map((workflow) => {
      const made = new ScheduledWorkflow(this, workflow.name, {
        stage: this.config.stage,
        workflow,
        enabled: orchestration.scheduleEnabled && workflow.schedule.enabled,
        scheduler: orchestration.scheduler ?? 'rule',
        target,
        timeouts: workflow.timeouts ?? orchestration.timeouts,
        retries: workflow.retries ?? orchestration.retries,
        logRetention: logRetention(orchestration.logRetentionDays),
        tracingEnabled: orchestration.tracingEnabled,
        alertTopic: props.monitoring.alertTopic,
      });
      new CfnOutput(this, `${workflow.name}StateMachineArn`.replaceAll('-', ''), {
        value: made.stateMachine.stateMachineArn,
      });
      return made;
    });
  }

  /** Configured values first; what is left out comes from the Compute and Network stacks. */
  private ecsTarget({ network, compute }: OrchestrationStackProps): EcsTarget {
    const ecs = this.config.orchestration.ecs;
    const taskDefinition = ecs.taskDefinition ?? compute.taskDefinitionFamily;
    return {
      clusterArn: ecs.clusterName
        ? this.formatArn({ service: 'ecs', resource: 'cluster', resourceName: ecs.clusterName })
        : compute.cluster.clusterArn,
      taskDefinition,
      taskDefinitionArn: taskDefinition.startsWith('arn:')
        ? taskDefinition
        : this.formatArn({
            service: 'ecs',
            resource: 'task-definition',
            resourceName: `${taskDefinition}:*`,
            arnFormat: ArnFormat.SLASH_RESOURCE_NAME,
          }),
      taskRoleArns: ecs.taskRoleArns ?? [compute.taskRole.roleArn, compute.executionRole.roleArn],
      subnetIds:
        ecs.subnetIds ??
        network.vpc.selectSubnets({ subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS }).subnetIds,
      securityGroupIds: ecs.securityGroupIds ?? [network.applicationSecurityGroup.securityGroupId],
      containerName: ecs.containerName ?? compute.containerName,
      logGroupName: compute.logGroup.logGroupName,
    };
  }
}
