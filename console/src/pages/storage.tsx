// Queues, topics, secrets, parameters and buckets: enough to look.
import { useState } from 'preact/hooks';
import { call, query, rest } from '../api';
import { bytes, lastPart } from '../format';
import { t, type Text } from '../i18n';
import { listAt, textAt, treeOf, type Tree } from '../model/wire';
import { chosenTab, Facts, listAll, Live, Raw, Split, Table, Tabs } from '../parts/listing';
import { useReloadEvery } from '../parts/reload';
import { Code, Panel, Problem, Time, useLoaded } from '../parts/ui';
import { Body } from '../parts/listing';
import { place, url } from '../router';
import { eachOf } from '../states';

const TABS = [
  ['queues', 'Queues'],
  ['topics', 'Topics'],
  ['buckets', 'Buckets'],
  ['secrets', 'Secrets'],
  ['parameters', 'Parameters'],
] as const satisfies readonly (readonly [string, Text])[];

const SNS = '2010-03-31';
const link = (tab: string, id: string) => url('storage', { tab, id });

interface Queue {
  readonly url: string;
  readonly attributes: Readonly<Record<string, string>>;
}

async function loadQueues(): Promise<Queue[]> {
  const urls = await listAll<string>('sqs', 'ListQueues', { MaxResults: 1000 }, 'QueueUrls', 'NextToken');
  return eachOf(urls, 6, async (QueueUrl) => ({
    url: QueueUrl,
    attributes: (await call<{ Attributes?: Record<string, string> }>('sqs', 'GetQueueAttributes', { QueueUrl, AttributeNames: ['All'] })).Attributes ?? {},
  }));
}

const count = (queue: Queue, name: string) => Number(queue.attributes[name] ?? 0);

function QueueDetail({ queue }: { queue: Queue }) {
  const redrive = queue.attributes.RedrivePolicy ? (JSON.parse(queue.attributes.RedrivePolicy) as { deadLetterTargetArn: string; maxReceiveCount: number }) : undefined;
  const dead = redrive && queue.url.replace(/[^/]+$/, lastPart(redrive.deadLetterTargetArn));
  return (
    <Panel title={lastPart(queue.url)}>
      <div class="detail">
        <Facts
          facts={[
            ['visible', String(count(queue, 'ApproximateNumberOfMessages'))],
            ['in flight', String(count(queue, 'ApproximateNumberOfMessagesNotVisible'))],
            ['delayed', String(count(queue, 'ApproximateNumberOfMessagesDelayed'))],
            ['visibility timeout', `${queue.attributes.VisibilityTimeout} s`],
            ['dead letters go to', dead && <a href={link('queues', dead)}>{`${lastPart(dead)} (${redrive?.maxReceiveCount})`}</a>],
            ['address', <code key="u" class="wrap">{queue.url}</code>],
          ]}
        />
        <p class="faint">{t('Messages are not read here: to receive one would hide it from its consumer.')}</p>
        {queue.attributes.Policy && (
          <details class="step">
            <summary>{t('Policy')}</summary>
            <Code text={queue.attributes.Policy} />
          </details>
        )}
        <Raw value={queue.attributes} />
      </div>
    </Panel>
  );
}

function Queues() {
  const id = place.value.query.get('id') ?? '';
  const loaded = useLoaded(loadQueues, []);
  useReloadEvery(3000, loaded.reload);
  return (
    <Body loaded={loaded}>
      {(all) => {
        const chosen = all.find((each) => each.url === id || lastPart(each.url) === lastPart(id));
        return (
          <Split
            list={
              <Table
                title="Queues"
                rows={all}
                keyOf={(each) => each.url}
                link={(each) => link('queues', each.url)}
                empty={t('No queue yet.')}
                columns={[
                  { title: 'name', cell: (each) => lastPart(each.url) },
                  { title: 'visible', cell: (each) => <span class="number">{count(each, 'ApproximateNumberOfMessages')}</span> },
                  { title: 'in flight', cell: (each) => <span class="number">{count(each, 'ApproximateNumberOfMessagesNotVisible')}</span> },
                ]}
              />
            }
            detail={chosen && id && <QueueDetail queue={chosen} />}
          />
        );
      }}
    </Body>
  );
}

function TopicDetail({ arn }: { arn: string }) {
  return (
    <Panel title={lastPart(arn)}>
      <div class="detail">
        <h3>{t('Subscriptions')}</h3>
        <Live load={() => query('sns', SNS, 'ListSubscriptionsByTopic', { TopicArn: arn })} keys={[arn]}>
          {(reply) => (
            <ul class="rows">
              {listAt(reply, 'Subscriptions').map((each) => (
                <li key={textAt(each, 'Endpoint')} class="row">
                  <span class="tag">{textAt(each, 'Protocol')}</span>
                  <span class="row-name">{textAt(each, 'Endpoint')}</span>
                  {textAt(each, 'SubscriptionArn') === 'PendingConfirmation' && <span class="bad">{t('not confirmed')}</span>}
                </li>
              ))}
            </ul>
          )}
        </Live>
        <p>
          <a href={url('mailbox')}>{t('Mailbox')}</a>
        </p>
      </div>
    </Panel>
  );
}

function Topics() {
  const id = place.value.query.get('id') ?? '';
  return (
    <Live load={async () => listAt(await query('sns', SNS, 'ListTopics'), 'Topics').map((each) => textAt(each, 'TopicArn'))} kinds={['stack']}>
      {(all) => (
        <Split
          list={<Table title="Topics" rows={all} keyOf={(each) => each} link={(each) => link('topics', each)} empty={t('No topic yet.')} columns={[{ title: 'name', cell: lastPart }]} />}
          detail={id && <TopicDetail key={id} arn={id} />}
        />
      )}
    </Live>
  );
}

interface Secret {
  readonly ARN: string;
  readonly Name: string;
  readonly Description?: string;
  readonly LastChangedDate?: number;
  readonly DeletedDate?: number;
}

function SecretDetail({ secret }: { secret: Secret }) {
  const [value, setValue] = useState<string | undefined>();
  const [error, setError] = useState<unknown>();
  const reveal = async () => {
    try {
      const reply = await call<{ SecretString?: string; SecretBinary?: string }>('secretsmanager', 'GetSecretValue', { SecretId: secret.ARN });
      setValue(reply.SecretString ?? reply.SecretBinary ?? '');
    } catch (failure) {
      setError(failure);
    }
  };
  return (
    <Panel title={secret.Name}>
      <div class="detail">
        <Facts
          facts={[
            ['description', secret.Description],
            ['changed', secret.LastChangedDate && <Time at={secret.LastChangedDate} both />],
            ['ARN', <code key="a" class="wrap">{secret.ARN}</code>],
          ]}
        />
        {value === undefined ? (
          <button type="button" onClick={() => void reveal()}>
            {t('Show the value')}
          </button>
        ) : (
          <Code text={value} />
        )}
        {error !== undefined && <Problem error={error} />}
      </div>
    </Panel>
  );
}

function Secrets() {
  const id = place.value.query.get('id') ?? '';
  return (
    <Live load={() => listAll<Secret>('secretsmanager', 'ListSecrets', {}, 'SecretList', 'NextToken')} kinds={['stack']}>
      {(all) => {
        const chosen = all.find((each) => each.ARN === id);
        return (
          <Split
            list={
              <Table
                title="Secrets"
                rows={all}
                keyOf={(each) => each.ARN}
                link={(each) => link('secrets', each.ARN)}
                empty={t('No secret yet.')}
                columns={[
                  { title: 'name', cell: (each) => each.Name },
                  { title: 'changed', cell: (each) => each.LastChangedDate && <Time at={each.LastChangedDate} />, wide: true },
                ]}
              />
            }
            detail={chosen && <SecretDetail key={chosen.ARN} secret={chosen} />}
          />
        );
      }}
    </Live>
  );
}

interface Parameter {
  readonly Name: string;
  readonly Type: string;
  readonly Value: string;
  readonly Version: number;
  readonly LastModifiedDate?: number;
}

function Parameters() {
  const id = place.value.query.get('id') ?? '';
  return (
    <Live load={() => listAll<Parameter>('ssm', 'GetParametersByPath', { Path: '/', Recursive: true }, 'Parameters', 'NextToken')} kinds={['stack']}>
      {(all) => {
        const chosen = all.find((each) => each.Name === id);
        return (
          <Split
            list={
              <Table
                title="Parameters"
                rows={all}
                keyOf={(each) => each.Name}
                link={(each) => link('parameters', each.Name)}
                empty={t('No parameter yet.')}
                columns={[
                  { title: 'name', cell: (each) => each.Name },
                  { title: 'type', cell: (each) => each.Type },
                  { title: 'changed', cell: (each) => each.LastModifiedDate && <Time at={each.LastModifiedDate} />, wide: true },
                ]}
              />
            }
            detail={
              chosen && (
                <Panel title={chosen.Name}>
                  <div class="detail">
                    <Facts facts={[['type', chosen.Type], ['version', String(chosen.Version)]]} />
                    <Code text={chosen.Value} />
                  </div>
                </Panel>
              )
            }
          />
        );
      }}
    </Live>
  );
}

const OBJECTS_MAX = 1000;

function BucketDetail({ bucket }: { bucket: string }) {
  const prefix = place.value.query.get('prefix') ?? '';
  const load = async (): Promise<Tree> => treeOf(await (await rest('s3', `/${encodeURIComponent(bucket)}`, { 'list-type': '2', delimiter: '/', prefix, 'max-keys': String(OBJECTS_MAX) })).text());
  const to = (next: string) => url('storage', { tab: 'buckets', id: bucket, prefix: next });
  const up = prefix.replace(/[^/]*\/$/, '');
  return (
    <Panel title={`${bucket}/${prefix}`}>
      <Live load={load} keys={[bucket, prefix]}>
        {(tree) => (
          <>
            {prefix !== '' && (
              <p class="pad">
                <a data-stay href={to(up)}>
                  ↑ {up || bucket}
                </a>
              </p>
            )}
            <ul class="rows">
              {listAt(tree, 'CommonPrefixes').map((each) => (
                <li key={textAt(each, 'Prefix')}>
                  <a data-row data-stay href={to(textAt(each, 'Prefix'))}>
                    <span class="row-name">{textAt(each, 'Prefix').slice(prefix.length)}</span>
                  </a>
                </li>
              ))}
              {listAt(tree, 'Contents').map((each) => (
                <li key={textAt(each, 'Key')} class="row">
                  <span class="row-name">{textAt(each, 'Key').slice(prefix.length)}</span>
                  <span class="number faint">{bytes(Number(textAt(each, 'Size')))}</span>
                  <span class="row-time">
                    <Time at={Date.parse(textAt(each, 'LastModified')) / 1000} />
                  </span>
                </li>
              ))}
            </ul>
            {textAt(tree, 'KeyCount') === '0' && <p class="empty">{t('Nothing is in it.')}</p>}
            {textAt(tree, 'IsTruncated') === 'true' && <p class="empty">{t('The first {n}: open a folder for more.', { n: OBJECTS_MAX })}</p>}
          </>
        )}
      </Live>
    </Panel>
  );
}

function Buckets() {
  const id = place.value.query.get('id') ?? '';
  const load = async () => listAt(treeOf(await (await rest('s3', '/')).text()), 'Buckets', 'Bucket');
  return (
    <Live load={load} kinds={['stack']}>
      {(all) => (
        <Split
          list={
            <Table
              title="Buckets"
              rows={all}
              keyOf={(each) => textAt(each, 'Name')}
              link={(each) => link('buckets', textAt(each, 'Name'))}
              empty={t('No bucket yet.')}
              columns={[
                { title: 'name', cell: (each) => textAt(each, 'Name') },
                { title: 'created', cell: (each) => <Time at={Date.parse(textAt(each, 'CreationDate')) / 1000} />, wide: true },
              ]}
            />
          }
          detail={id && <BucketDetail key={id} bucket={id} />}
        />
      )}
    </Live>
  );
}

export function Page() {
  const tab = chosenTab(TABS);
  return (
    <>
      <h1>{t('Messages and storage')}</h1>
      <Tabs tabs={TABS} chosen={tab} />
      {tab === 'queues' && <Queues />}
      {tab === 'topics' && <Topics />}
      {tab === 'buckets' && <Buckets />}
      {tab === 'secrets' && <Secrets />}
      {tab === 'parameters' && <Parameters />}
    </>
  );
}
