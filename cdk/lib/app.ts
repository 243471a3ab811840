import { App, Tags, Validations } from 'aws-cdk-lib';
import { EnvConfig } from './config/env-config';
import { ComputeStack } from './stacks/compute-stack';
import { DatabaseStack } from './stacks/database-stack';
import { EcrStack } from './stacks/ecr-stack';
import { MonitoringStack } from './stacks/monitoring-stack';
import { NetworkStack } from './stacks/network-stack';
import { OrchestrationStack } from './stacks/orchestration-stack';

export interface Stacks {
  readonly network: NetworkStack;
  readonly database: DatabaseStack;
  readonly ecr: EcrStack;
  readonly compute: ComputeStack;
  readonly monitoring: MonitoringStack;
  readonly orchestration: OrchestrationStack;
}

/** The whole system of one stage. `account` undefined: whichever the template is deployed to. */
export function buildApp(app: App, config: EnvConfig, account?: string): Stacks {
  const props = { config, env: { account, region: config.region } };
  const name = (stack: string) => `${config.stage}-${stack}`;

  const network = new NetworkStack(app, name('NetworkStack'), props);
  const database = new DatabaseStack(app, name('DatabaseStack'), { ...props, network });
  const ecr = new EcrStack(app, name('EcrStack'), props);
  const compute = new ComputeStack(app, name('ComputeStack'), { ...props, network, database, ecr });
  const monitoring = new MonitoringStack(app, name('MonitoringStack'), {
    ...props,
    compute,
    database,
  });
  const orchestration = new OrchestrationStack(app, name('OrchestrationStack'), {
    ...props,
    network,
    compute,
    monitoring,
  });
  // The references say most of this already. Said again, because they may shrink (a configured subnet, a
  // configured cluster) and the order of deployment must not.
  orchestration.addStackDependency(network);
  orchestration.addStackDependency(compute);
  orchestration.addStackDependency(monitoring);

  Tags.of(app).add('Stage', config.stage);
  Validations.of(app).acknowledge({
    id: 'CloudFormation-Validate::W3010',
    reason: 'Zones are literals on purpose: a synth asks AWS nothing and gives the same template.',
  });
  return { network, database, ecr, compute, monitoring, orchestration };
}
