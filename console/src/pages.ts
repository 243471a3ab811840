// The pages: those that open first are in the first load, the others are loaded when they open.
import type { ComponentType } from 'preact';
import type { Text } from './i18n';

export interface PageEntry {
  readonly path: string;
  readonly title: Text;
  readonly load?: () => Promise<{ Page: ComponentType }>;
}

export const PAGES: readonly PageEntry[] = [
  { path: '', title: 'Overview' },
  { path: 'executions', title: 'Executions' },
  { path: 'machines', title: 'State machines', load: () => import('./pages/machines') },
  { path: 'schedules', title: 'Schedules and rules', load: () => import('./pages/schedules') },
  { path: 'ecs', title: 'ECS', load: () => import('./pages/ecs') },
  { path: 'stacks', title: 'Stacks', load: () => import('./pages/stacks') },
  { path: 'logs', title: 'Logs', load: () => import('./pages/logs') },
  { path: 'metrics', title: 'Metrics', load: () => import('./pages/metrics') },
  { path: 'storage', title: 'Messages and storage', load: () => import('./pages/storage') },
  { path: 'mailbox', title: 'Mailbox', load: () => import('./pages/mailbox') },
  { path: 'iam', title: 'IAM', load: () => import('./pages/iam') },
  { path: 'clock', title: 'Clock', load: () => import('./pages/clock') },
  { path: 'cost', title: 'Cost', load: () => import('./pages/cost') },
];
