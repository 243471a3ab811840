import { App } from 'aws-cdk-lib';
import { buildApp } from '../lib/app';
import { stageConfig } from '../lib/config/env-config';

// `cdk deploy -c stage=prod --all`; without a stage it is dev. The CLI puts the account of the caller's
// credentials into CDK_DEFAULT_ACCOUNT, so the same app deploys to any account.
const app = new App();
buildApp(
  app,
  stageConfig(app.node.tryGetContext('stage') ?? 'dev'),
  process.env.CDK_DEFAULT_ACCOUNT,
);
