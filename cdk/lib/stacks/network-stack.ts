import { Tags, Validations } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import { Construct } from 'constructs';
import { StageStack, StageStackProps } from './stage-stack';

export const apiPort = 8000;
export const databasePort = 5432;

/** VPC, three tiers of subnets, and who may talk to whom. */
export class NetworkStack extends StageStack {
  readonly vpc: ec2.Vpc;
  readonly loadBalancerSecurityGroup: ec2.SecurityGroup;
  readonly applicationSecurityGroup: ec2.SecurityGroup;
  readonly databaseSecurityGroup: ec2.SecurityGroup;

  /** `Vpc` asks its stack for zones before it looks at its own properties; by default that is a lookup. */
  override get availabilityZones(): string[] {
    return [...this.config.network.availabilityZones];
  }

  constructor(scope: Construct, id: string, props: StageStackProps) {
    super(scope, id, { ...props, description: 'VPC, subnets, security groups' });
    const { vpcCidr, availabilityZones, natGateways, vpcEndpoints } = this.config.network;

    this.vpc = new ec2.Vpc(this, 'Vpc', {
      vpcName: this.physicalName('vpc'),
      ipAddresses: ec2.IpAddresses.cidr(vpcCidr),
      availabilityZones: [...availabilityZones],
      natGateways,
      subnetConfiguration: [
        { name: 'public', subnetType: ec2.SubnetType.PUBLIC, cidrMask: 24 },
        { name: 'application', subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS, cidrMask: 24 },
        { name: 'database', subnetType: ec2.SubnetType.PRIVATE_ISOLATED, cidrMask: 24 },
      ],
    });
    Validations.of(this.vpc).acknowledge({
      id: 'AwsSolutions-VPC7',
      reason:
        'No flow logs: their cost is out of proportion here. Turn them on for an investigation.',
    });

    this.loadBalancerSecurityGroup = this.securityGroup('LoadBalancerSecurityGroup', 'alb-sg', {
      description: 'The load balancer: HTTP from anywhere',
    });
    this.applicationSecurityGroup = this.securityGroup('ApplicationSecurityGroup', 'app-sg', {
      description: 'API and batch tasks',
    });
    this.databaseSecurityGroup = this.securityGroup('DatabaseSecurityGroup', 'database-sg', {
      description: 'Aurora: the application only',
      allowAllOutbound: false,
    });
    this.loadBalancerSecurityGroup.addIngressRule(ec2.Peer.anyIpv4(), ec2.Port.tcp(80), 'HTTP');
    Validations.of(this.loadBalancerSecurityGroup).acknowledge({
      id: 'AwsSolutions-EC23',
      reason: 'The load balancer is the public entrance; nothing else is reachable from outside.',
    });
    this.applicationSecurityGroup.addIngressRule(
      this.loadBalancerSecurityGroup,
      ec2.Port.tcp(apiPort),
      'From the load balancer',
    );
    this.databaseSecurityGroup.addIngressRule(
      this.applicationSecurityGroup,
      ec2.Port.tcp(databasePort),
      'From API and batch',
    );
    if (vpcEndpoints) this.addEndpoints();
  }

  private securityGroup(id: string, name: string, options: Partial<ec2.SecurityGroupProps>) {
    const group = new ec2.SecurityGroup(this, id, {
      vpc: this.vpc,
      securityGroupName: this.physicalName(name),
      ...options,
    });
    Tags.of(group).add('Name', this.physicalName(name));
    return group;
  }

  /** What a task needs to start, without the way through the NAT gateway. */
  private addEndpoints() {
    this.vpc.addGatewayEndpoint('S3Endpoint', { service: ec2.GatewayVpcEndpointAwsService.S3 });
    const services = {
      EcrApi: ec2.InterfaceVpcEndpointAwsService.ECR,
      EcrDocker: ec2.InterfaceVpcEndpointAwsService.ECR_DOCKER,
      Logs: ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
      SecretsManager: ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
    };
    for (const [name, service] of Object.entries(services)) {
      const endpoint = this.vpc.addInterfaceEndpoint(`${name}Endpoint`, { service });
      Validations.of(endpoint).acknowledge({
        id: 'AwsSolutions-EC23',
        reason: 'The allowed range is the CIDR of the VPC, an intrinsic that the rule cannot read.',
      });
    }
  }
}
