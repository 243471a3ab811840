import { Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { buildApp } from '../lib/app';
import { stages } from '../lib/config/env-config';
import { account, bothStages, makeApp, withOrchestration } from './support';

test.each(bothStages)('%s passes cdk-nag; what it does not pass is acknowledged', (stage) => {
  const app = makeApp();
  buildApp(app, stages[stage], account);
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  expect(() => app.synth()).not.toThrow();
});

test('and so does prod with EventBridge Scheduler instead of rules', () => {
  const app = makeApp();
  buildApp(app, withOrchestration('prod', { scheduler: 'scheduler' }), account);
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  expect(() => app.synth()).not.toThrow();
});
