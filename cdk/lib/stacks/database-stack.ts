import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as rds from 'aws-cdk-lib/aws-rds';
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { NetworkStack } from './network-stack';
import { StageStack, StageStackProps, logRetention } from './stage-stack';

export interface DatabaseStackProps extends StageStackProps {
  readonly network: NetworkStack;
}

/** Aurora PostgreSQL Serverless v2 with a generated secret. */
export class DatabaseStack extends StageStack {
  readonly cluster: rds.DatabaseCluster;
  /** host, port, dbname, username and password; the attachment to the cluster fills in the first three. */
  readonly secret: secretsmanager.ISecret;

  constructor(scope: Construct, id: string, props: DatabaseStackProps) {
    super(scope, id, { ...props, description: 'Aurora PostgreSQL Serverless v2' });
    const database = this.config.database;
    const { vpc, databaseSecurityGroup } = props.network;
    const removalPolicy = database.deletionProtection
      ? RemovalPolicy.SNAPSHOT
      : RemovalPolicy.DESTROY;
    const identifier = this.physicalName('aurora');

    const credentials = new rds.DatabaseSecret(this, 'Secret', {
      username: database.username,
      secretName: this.physicalName('database'),
    });
    const subnetGroup = new rds.SubnetGroup(this, 'SubnetGroup', {
      description: 'Isolated subnets',
      vpc,
      vpcSubnets: { subnetType: ec2.SubnetType.PRIVATE_ISOLATED },
      subnetGroupName: this.physicalName('database'),
      removalPolicy: RemovalPolicy.DESTROY,
    });
    // RDS would make this group itself, and keep its logs for ever.
    const logGroup = new logs.LogGroup(this, 'PostgresLogGroup', {
      logGroupName: `/aws/rds/cluster/${identifier}/postgresql`,
      retention: logRetention(database.logRetentionDays),
      removalPolicy: StageStack.logRemoval,
    });
    this.cluster = new rds.DatabaseCluster(this, 'Cluster', {
      clusterIdentifier: identifier,
      engine: rds.DatabaseClusterEngine.auroraPostgres({
        version: rds.AuroraPostgresEngineVersion.VER_15_10,
      }),
      credentials: rds.Credentials.fromSecret(credentials),
      defaultDatabaseName: database.name,
      serverlessV2MinCapacity: database.minCapacity,
      serverlessV2MaxCapacity: database.maxCapacity,
      writer: rds.ClusterInstance.serverlessV2('writer', {
        instanceIdentifier: this.physicalName('aurora-writer'),
      }),
      readers: Array.from({ length: database.readers }, (_, index) =>
        rds.ClusterInstance.serverlessV2(`reader${index + 1}`, {
          instanceIdentifier: this.physicalName(`aurora-reader-${index + 1}`),
          scaleWithWriter: index === 0,
        }),
      ),
      vpc,
      subnetGroup,
      securityGroups: [databaseSecurityGroup],
      storageEncrypted: true,
      backup: { retention: Duration.days(database.backupRetentionDays) },
      cloudwatchLogsExports: ['postgresql'],
      deletionProtection: database.deletionProtection,
      removalPolicy,
    });
    this.cluster.node.addDependency(logGroup);
    const attached = this.cluster.secret;
    if (!attached) throw new Error('The cluster was made with credentials, so it has a secret');
    this.secret = attached;
    this.acknowledge(credentials);
  }

  private acknowledge(credentials: Construct) {
    Validations.of(credentials).acknowledge({
      id: 'AwsSolutions-SMG4',
      reason: 'Rotation needs a Lambda function; the stage has none. Rotate by hand until then.',
    });
    Validations.of(this.cluster).acknowledge({
      id: 'AwsSolutions-RDS6',
      reason: 'The application logs in with the generated secret; PostgreSQL is not public.',
    });
    if (!this.config.database.deletionProtection) {
      Validations.of(this.cluster).acknowledge({
        id: 'AwsSolutions-RDS10',
        reason: 'This stage is made to be destroyed and created again; its data is a sample.',
      });
    }
  }
}
