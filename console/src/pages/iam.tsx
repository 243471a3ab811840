// IAM: what was decided, the denied first; the statement that decided, and the smallest policy that
// would allow it.
import { useEffect, useState } from 'preact/hooks';
import { ApiError, own, ownLines, query } from '../api';
import { lastPart } from '../format';
import { t, type Text } from '../i18n';
import { isDenied, merged, policyFor, type Decision } from '../model/access';
import { listAt, textAt } from '../model/wire';
import { Explained, Verdict } from '../parts/decision';
import { chosenTab, Facts, Live, Raw, Split, Table, Tabs } from '../parts/listing';
import { Code, Empty, Panel, Problem, Time } from '../parts/ui';
import { place, url } from '../router';

const KEPT_MAX = 2000;
const IAM = '2010-05-08';

const TABS = [
  ['decisions', 'Decisions'],
  ['roles', 'Roles'],
] as const satisfies readonly (readonly [string, Text])[];

interface Read {
  readonly decisions: readonly Decision[]; // Newest first.
  readonly error: unknown;
  readonly absent: boolean; // The server keeps no record of decisions.
}

/** Follows the record of decisions while the page is open. */
function useDecisions(): Read {
  const [read, setRead] = useState<Read>({ decisions: [], error: undefined, absent: false });
  useEffect(() => {
    let stopped = false;
    let last = '';
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async () => {
      try {
        const fresh = document.hidden ? [] : await ownLines<Decision>(`decisions${last ? `?after=${encodeURIComponent(last)}` : ''}`);
        if (stopped) return;
        last = fresh.at(-1)?.id ?? last;
        setRead((before) => (fresh.length === 0 && before.error === undefined ? before : { decisions: merged(before.decisions, fresh, KEPT_MAX), error: undefined, absent: before.absent }));
      } catch (error) {
        if (stopped) return;
        if (error instanceof ApiError && error.status === 404) return setRead((before) => ({ ...before, absent: true }));
        setRead((before) => ({ ...before, error }));
      }
      timer = setTimeout(() => void ask(), 2000);
    };
    own<{ iam?: string }>('health').then(
      ({ iam }) => {
        if (iam === 'off' && !stopped) setRead((before) => ({ ...before, absent: true }));
      },
      () => undefined, // ask() says what is wrong.
    );
    void ask();
    return () => {
      stopped = true;
      clearTimeout(timer);
    };
  }, []);
  return read;
}

function DecisionDetail({ decision }: { decision: Decision }) {
  const execution = /:states:.*:execution:/.test(decision.actsFor ?? '') ? decision.actsFor : undefined;
  return (
    <Panel title={decision.action} aside={<Verdict decision={decision} />}>
      <div class="detail">
        <Facts
          facts={[
            ['principal', <code key="p" class="wrap">{decision.principal}</code>],
            ['acts for', execution ? <a href={url(`executions/${execution}`)}>{execution.split(':').slice(6).join(':')}</a> : decision.actsFor],
            ['resource', <code key="r" class="wrap">{decision.resource}</code>],
            ['time', <Time key="t" at={decision.time} both />],
          ]}
        />
        <Explained decision={decision} />
        {decision.keys && Object.keys(decision.keys).length > 0 && (
          <details class="step">
            <summary>{t('Condition keys')}</summary>
            <Code text={JSON.stringify(decision.keys)} />
          </details>
        )}
        <Raw value={decision} />
      </div>
    </Panel>
  );
}

function Decisions({ read }: { read: Read }) {
  const { query: asked } = place.value;
  const id = asked.get('id') ?? '';
  const show = asked.get('show') ?? '';
  if (read.absent) return <Empty>{t('This server keeps no record of decisions. Start it with --iam observe or --iam enforce.')}</Empty>;
  const denied = read.decisions.filter(isDenied);
  const rows = show === 'all' ? read.decisions : denied;
  const chosen = read.decisions.find((each) => each.id === id);
  return (
    <>
      <nav class="tabs" aria-label={t('Show')}>
        <a href={url('iam')} aria-current={show === 'all' ? undefined : 'page'}>
          {t('Denied')} {denied.length}
        </a>
        <a href={url('iam', { show: 'all' })} aria-current={show === 'all' ? 'page' : undefined}>
          {t('All')} {read.decisions.length}
        </a>
      </nav>
      {read.error !== undefined && <Problem error={read.error} />}
      <Split
        list={
          <Table
            title="Decisions"
            rows={rows}
            keyOf={(each) => each.id}
            link={(each) => url('iam', { show, id: each.id })}
            words={(each) => `${each.principal} ${each.action} ${each.resource} ${each.verdict}`}
            empty={show === 'all' ? t('Nothing was decided yet.') : t('Nothing was denied.')}
            columns={[
              { title: 'action', cell: (each) => each.action },
              { title: 'verdict', cell: (each) => <Verdict decision={each} /> },
              { title: 'principal', cell: (each) => <span class="wrap">{lastPart(each.principal)}</span> },
              { title: 'resource', cell: (each) => <span class="faint wrap">{each.resource}</span>, wide: true },
              { title: 'time', cell: (each) => <Time at={each.time} />, wide: true },
            ]}
          />
        }
        detail={chosen && <DecisionDetail decision={chosen} />}
      />
    </>
  );
}

function RoleDetail({ name, read }: { name: string; read: Read }) {
  const used = read.decisions.filter((each) => each.principal.endsWith(`/${name}`));
  const allowed = used.filter((each) => !isDenied(each));
  return (
    <Panel title={name}>
      <div class="detail">
        <h3>{t('What it used')}</h3>
        {used.length === 0 ? (
          <Empty>{t('No decision of this role is in the record.')}</Empty>
        ) : (
          <>
            <p class="faint">{t('Of the {n} decisions that the record holds: the least privilege for these alone.', { n: used.length })}</p>
            <Code text={JSON.stringify(policyFor(allowed))} />
          </>
        )}
        <h3>{t('Policies')}</h3>
        <Live load={() => query('iam', IAM, 'ListRolePolicies', { RoleName: name })} keys={[name]}>
          {(reply) => (
            <>
              {listAt(reply, 'PolicyNames').map((each) => (
                <details key={String(each)} class="step">
                  <summary>{String(each)}</summary>
                  <Live load={() => query('iam', IAM, 'GetRolePolicy', { RoleName: name, PolicyName: String(each) })} keys={[name, each]}>
                    {(policy) => <Code text={decodeURIComponent(textAt(policy, 'PolicyDocument'))} />}
                  </Live>
                </details>
              ))}
            </>
          )}
        </Live>
        <Live load={() => query('iam', IAM, 'ListAttachedRolePolicies', { RoleName: name })} keys={[name]}>
          {(reply) => (
            <ul class="rows">
              {listAt(reply, 'AttachedPolicies').map((each) => (
                <li key={textAt(each, 'PolicyArn')} class="row">
                  <span class="row-name wrap">{textAt(each, 'PolicyArn')}</span>
                </li>
              ))}
            </ul>
          )}
        </Live>
        <h3>{t('Who may assume it')}</h3>
        <Live load={() => query('iam', IAM, 'GetRole', { RoleName: name })} keys={[name]}>
          {(reply) => <Code text={decodeURIComponent(textAt(reply, 'Role', 'AssumeRolePolicyDocument'))} />}
        </Live>
      </div>
    </Panel>
  );
}

function Roles({ read }: { read: Read }) {
  const id = place.value.query.get('id') ?? '';
  return (
    <Live load={async () => listAt(await query('iam', IAM, 'ListRoles', { MaxItems: 1000 }), 'Roles')} kinds={['stack']}>
      {(all) => (
        <Split
          list={
            <Table
              title="Roles"
              rows={all}
              keyOf={(each) => textAt(each, 'RoleName')}
              link={(each) => url('iam', { tab: 'roles', id: textAt(each, 'RoleName') })}
              empty={t('No role yet.')}
              columns={[
                { title: 'name', cell: (each) => textAt(each, 'RoleName') },
                { title: 'denied', cell: (each) => <span class="number">{read.decisions.filter((one) => isDenied(one) && one.principal.endsWith(`/${textAt(each, 'RoleName')}`)).length}</span> },
              ]}
            />
          }
          detail={id && <RoleDetail key={id} name={id} read={read} />}
        />
      )}
    </Live>
  );
}

export function Page() {
  const tab = chosenTab(TABS);
  const read = useDecisions();
  return (
    <>
      <h1>IAM</h1>
      <Tabs tabs={TABS} chosen={tab} />
      {tab === 'roles' ? <Roles read={read} /> : <Decisions read={read} />}
    </>
  );
}
