// What the pages ask of CloudFormation.
import { query } from './api';
import { listAt, textAt, type Tree } from './model/wire';

const VERSION = '2010-05-15';
export const ask = (operation: string, input: Record<string, string> = {}) => query('cloudformation', VERSION, operation, input);

export interface Stack {
  readonly name: string;
  readonly status: string;
  readonly changed: number;
  readonly tree: Tree;
}

export const seconds = (text: string) => Date.parse(text) / 1000;

export async function paged(operation: string, input: Record<string, string>, member: string, pages = 5): Promise<Tree[]> {
  const all: Tree[] = [];
  let token = '';
  for (let i = 0; i < pages; ++i) {
    const page = await ask(operation, token === '' ? input : { ...input, NextToken: token });
    all.push(...listAt(page, member));
    token = textAt(page, 'NextToken');
    if (token === '') break;
  }
  return all;
}

export async function loadStacks(): Promise<Stack[]> {
  const stacks = await paged('DescribeStacks', {}, 'Stacks', 10);
  return stacks
    .map((tree) => ({
      name: textAt(tree, 'StackName'),
      status: textAt(tree, 'StackStatus'),
      changed: seconds(textAt(tree, 'LastUpdatedTime') || textAt(tree, 'CreationTime')),
      tree,
    }))
    .sort((a, b) => b.changed - a.changed);
}
