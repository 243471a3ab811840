// CloudFormation stacks: resources, events, outputs, parameters, template, and what a change set would do.
import { t, type Text } from '../i18n';
import { at, listAt, textAt, type Tree } from '../model/wire';
import { Facts, Live, Split, Table } from '../parts/listing';
import { Code, Empty, Panel, Pill, Time } from '../parts/ui';
import { place, url } from '../router';
import { ask, loadStacks, paged, seconds, type Stack } from '../stacks';

const VIEWS = [
  ['resources', 'Resources'],
  ['events', 'Events'],
  ['outputs', 'Outputs'],
  ['parameters', 'Parameters'],
  ['template', 'Template'],
  ['changes', 'Change sets'],
] as const satisfies readonly (readonly [string, Text])[];

/** The page of this console that shows a resource, where there is one. */
function pageOf(type: string, physical: string): string | undefined {
  switch (type) {
    case 'AWS::StepFunctions::StateMachine':
      return url(`machines/${physical.slice(physical.lastIndexOf(':') + 1)}`);
    case 'AWS::Logs::LogGroup':
      return url('logs', { group: physical });
    case 'AWS::SQS::Queue':
      return url('storage', { tab: 'queues', id: physical });
    case 'AWS::SNS::Topic':
      return url('storage', { tab: 'topics', id: physical });
    case 'AWS::S3::Bucket':
      return url('storage', { tab: 'buckets', id: physical });
    case 'AWS::SecretsManager::Secret':
      return url('storage', { tab: 'secrets', id: physical });
    case 'AWS::ECS::Service':
      return url('ecs', { tab: 'services', id: physical });
    case 'AWS::Events::Rule':
      return url('schedules', { id: physical.slice(physical.lastIndexOf('|') + 1) });
    default:
      return undefined;
  }
}

function Resources({ stack }: { stack: string }) {
  return (
    <Live load={() => paged('ListStackResources', { StackName: stack }, 'StackResourceSummaries')} keys={[stack]} kinds={['stack']}>
      {(all) => (
        <Table
          title="Resources"
          rows={all}
          keyOf={(each) => textAt(each, 'LogicalResourceId')}
          words={(each) => JSON.stringify(each)}
          link={(each) => pageOf(textAt(each, 'ResourceType'), textAt(each, 'PhysicalResourceId')) ?? url('stacks', { id: stack })}
          empty={t('The stack has no resources.')}
          columns={[
            { title: 'name', cell: (each) => textAt(each, 'LogicalResourceId') },
            { title: 'status', cell: (each) => <Pill status={textAt(each, 'ResourceStatus')} /> },
            { title: 'type', cell: (each) => textAt(each, 'ResourceType').replace('AWS::', '') },
            { title: 'physical name', cell: (each) => <span class="faint wrap">{textAt(each, 'PhysicalResourceId')}</span>, wide: true },
          ]}
        />
      )}
    </Live>
  );
}

function Events({ stack }: { stack: string }) {
  return (
    <Live load={() => paged('DescribeStackEvents', { StackName: stack }, 'StackEvents')} keys={[stack]} kinds={['stack']}>
      {(all) => (
        <ul class="rows">
          {all.slice(0, 300).map((each) => {
            const failed = textAt(each, 'ResourceStatus').includes('FAILED');
            return (
              <li key={textAt(each, 'EventId')} class="row">
                <Pill status={textAt(each, 'ResourceStatus')} />
                <span class="row-name">
                  {textAt(each, 'LogicalResourceId')} <span class="faint">{textAt(each, 'ResourceType').replace('AWS::', '')}</span>
                  <span class={`block ${failed ? 'bad' : 'faint'}`}>{textAt(each, 'ResourceStatusReason')}</span>
                </span>
                <span class="row-time">
                  <Time at={seconds(textAt(each, 'Timestamp'))} />
                </span>
              </li>
            );
          })}
        </ul>
      )}
    </Live>
  );
}

function Pairs({ rows, name, value, more, empty }: { rows: readonly Tree[]; name: string; value: string; more: string; empty: string }) {
  if (rows.length === 0) return <Empty>{empty}</Empty>;
  return (
    <dl class="facts-list pairs">
      {rows.map((each) => (
        <div key={textAt(each, name)}>
          <dt>{textAt(each, name)}</dt>
          <dd>
            <code class="wrap">{textAt(each, value)}</code> <span class="faint">{textAt(each, more)}</span>
          </dd>
        </div>
      ))}
    </dl>
  );
}

function ChangeSet({ stack, name }: { stack: string; name: string }) {
  return (
    <Live load={() => ask('DescribeChangeSet', { StackName: stack, ChangeSetName: name })} keys={[stack, name]} kinds={['stack']}>
      {(set) => {
        const changes = listAt(set, 'Changes').map((each) => at(each, 'ResourceChange'));
        if (changes.length === 0) return <Empty>{textAt(set, 'StatusReason') || t('It changes nothing.')}</Empty>;
        return (
          <ul class="rows">
            {changes.map((each) => (
              <li key={textAt(each, 'LogicalResourceId')} class="row">
                <span class="tag">{textAt(each, 'Action')}</span>
                <span class="row-name">
                  {textAt(each, 'LogicalResourceId')} <span class="faint">{textAt(each, 'ResourceType').replace('AWS::', '')}</span>
                </span>
                {textAt(each, 'Replacement') === 'True' && <span class="bad">{t('is replaced')}</span>}
                <span class="faint">
                  {listAt(each, 'Details')
                    .map((detail) => textAt(detail, 'Target', 'Name') || textAt(detail, 'Target', 'Attribute'))
                    .join(', ')}
                </span>
              </li>
            ))}
          </ul>
        );
      }}
    </Live>
  );
}

function ChangeSets({ stack }: { stack: string }) {
  return (
    <Live load={() => paged('ListChangeSets', { StackName: stack }, 'Summaries')} keys={[stack]} kinds={['stack']}>
      {(all) => (
        <>
          {all.length === 0 && <Empty>{t('No change sets. cdk diff and cdk deploy --no-execute make one.')}</Empty>}
          {all.slice(0, 10).map((each) => (
            <section key={textAt(each, 'ChangeSetName')}>
              <h3>
                {textAt(each, 'ChangeSetName')} <Pill status={textAt(each, 'ExecutionStatus') || textAt(each, 'Status')} />
              </h3>
              <ChangeSet stack={stack} name={textAt(each, 'ChangeSetName')} />
            </section>
          ))}
        </>
      )}
    </Live>
  );
}

function View({ stack, view }: { stack: Stack; view: string }) {
  switch (view) {
    case 'events':
      return <Events stack={stack.name} />;
    case 'outputs':
      return <Pairs rows={listAt(stack.tree, 'Outputs')} name="OutputKey" value="OutputValue" more="Description" empty={t('The stack has no outputs.')} />;
    case 'parameters':
      return <Pairs rows={listAt(stack.tree, 'Parameters')} name="ParameterKey" value="ParameterValue" more="ResolvedValue" empty={t('The stack has no parameters.')} />;
    case 'template':
      return (
        <Live load={() => ask('GetTemplate', { StackName: stack.name })} keys={[stack.name]} kinds={['stack']}>
          {(reply) => <Code text={textAt(reply, 'TemplateBody')} />}
        </Live>
      );
    case 'changes':
      return <ChangeSets stack={stack.name} />;
    default:
      return <Resources stack={stack.name} />;
  }
}

function StackDetail({ stack }: { stack: Stack }) {
  const view = place.value.query.get('view') ?? 'resources';
  return (
    <Panel title={stack.name} aside={<Pill status={stack.status} />}>
      <div class="detail">
        <Facts
          facts={[
            ['reason', textAt(stack.tree, 'StackStatusReason')],
            ['description', textAt(stack.tree, 'Description')],
            ['changed', <Time key="c" at={stack.changed} both />],
          ]}
        />
        <nav class="tabs" aria-label={t('Views')}>
          {VIEWS.map(([id, title]) => (
            <a key={id} data-stay href={url('stacks', { id: stack.name, view: id })} aria-current={id === view ? 'page' : undefined}>
              {t(title)}
            </a>
          ))}
        </nav>
        <View key={view} stack={stack} view={view} />
      </div>
    </Panel>
  );
}

export function Page() {
  const id = place.value.query.get('id') ?? '';
  return (
    <>
      <h1>{t('Stacks')}</h1>
      <Live load={loadStacks} kinds={['stack']}>
        {(all) => {
          const chosen = all.find((each) => each.name === id);
          return (
            <Split
              list={
                <Table
                  title="Stacks"
                  rows={all}
                  keyOf={(each) => each.name}
                  empty={t('No stack yet. Deploy one, for example with ./run or cdk deploy.')}
                  columns={[
                    { title: 'name', cell: (each) => each.name },
                    { title: 'status', cell: (each) => <Pill status={each.status} /> },
                    { title: 'changed', cell: (each) => <Time at={each.changed} />, wide: true },
                  ]}
                />
              }
              detail={chosen && <StackDetail key={chosen.name} stack={chosen} />}
            />
          );
        }}
      </Live>
    </>
  );
}
