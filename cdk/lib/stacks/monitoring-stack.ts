import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import * as elbv2 from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as sns from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import { ComputeStack } from './compute-stack';
import { DatabaseStack } from './database-stack';
import { StageStack, StageStackProps } from './stage-stack';

export interface MonitoringStackProps extends StageStackProps {
  readonly compute: ComputeStack;
  readonly database: DatabaseStack;
}

/** The topic for everything that needs a person, the alarms on API and database, and a dashboard. */
export class MonitoringStack extends StageStack {
  readonly alertTopic: sns.Topic;

  constructor(scope: Construct, id: string, props: MonitoringStackProps) {
    super(scope, id, { ...props, description: 'Alert topic, alarms, dashboard' });
    const monitoring = this.config.monitoring;

    this.alertTopic = new sns.Topic(this, 'AlertTopic', {
      topicName: this.physicalName('alerts'),
      displayName: `${this.config.stage} alerts`,
      enforceSSL: true,
    });
    // A topic policy of one's own replaces the default one, by which alarms were allowed to publish.
    this.alertTopic.addToResourcePolicy(
      new iam.PolicyStatement({
        sid: 'AllowAlarms',
        principals: [new iam.ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['sns:Publish'],
        resources: [this.alertTopic.topicArn],
        conditions: { StringEquals: { 'aws:SourceAccount': this.account } },
      }),
    );
    for (const address of monitoring.alertEmails ?? []) {
      this.alertTopic.addSubscription(new EmailSubscription(address));
    }

    const period = Duration.minutes(5);
    const cpu = props.compute.service.metricCpuUtilization({ period });
    const serverErrors = props.compute.targetGroup.metrics.httpCodeTarget(
      elbv2.HttpCodeTarget.TARGET_5XX_COUNT,
      { period },
    );
    const capacity = props.database.cluster.metricACUUtilization({ period });
    this.alarm('ApiCpuAlarm', 'api-cpu', cpu, monitoring.cpuAlarmPercent);
    this.alarm(
      'ApiServerErrorAlarm',
      'api-server-errors',
      serverErrors,
      monitoring.serverErrorsPerFiveMinutes,
    );
    this.alarm(
      'DatabaseCapacityAlarm',
      'database-capacity',
      capacity,
      monitoring.databaseCapacityAlarmPercent,
    );

    new cloudwatch.Dashboard(this, 'Dashboard', {
      dashboardName: this.physicalName('overview'),
      widgets: [
        [
          new cloudwatch.GraphWidget({ title: 'API: CPU', left: [cpu], width: 8 }),
          new cloudwatch.GraphWidget({ title: 'API: 5xx', left: [serverErrors], width: 8 }),
          new cloudwatch.GraphWidget({ title: 'Database: capacity', left: [capacity], width: 8 }),
        ],
      ],
    });
  }

  private alarm(id: string, name: string, metric: cloudwatch.Metric, threshold: number) {
    const alarm = metric.createAlarm(this, id, {
      alarmName: this.physicalName(name),
      threshold,
      evaluationPeriods: 2,
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
    });
    alarm.addAlarmAction(new SnsAction(this.alertTopic));
  }
}
