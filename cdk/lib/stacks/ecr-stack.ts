import { CfnOutput, RemovalPolicy } from 'aws-cdk-lib';
import * as ecr from 'aws-cdk-lib/aws-ecr';
import { Construct } from 'constructs';
import { StageStack, StageStackProps } from './stage-stack';

/** The repository of the one image that serves API and batch. */
export class EcrStack extends StageStack {
  readonly repository: ecr.Repository;

  constructor(scope: Construct, id: string, props: StageStackProps) {
    super(scope, id, { ...props, description: 'Image repository' });
    const { maxImageCount, emptyOnDelete } = this.config.ecr;
    this.repository = new ecr.Repository(this, 'Repository', {
      repositoryName: this.physicalName('app'),
      imageScanOnPush: true,
      lifecycleRules: [{ description: 'Keep the newest', maxImageCount }],
      emptyOnDelete,
      removalPolicy: emptyOnDelete ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN,
    });
    new CfnOutput(this, 'RepositoryUri', { value: this.repository.repositoryUri });
  }
}
