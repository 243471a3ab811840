// One execution: graph, timeline, events and the detail of a state, with one selection for all.
import { useEffect, useMemo } from 'preact/hooks';
import { ExecutionStore } from '../execution';
import { onChange } from '../feed';
import { lastPart } from '../format';
import { t } from '../i18n';
import { summarise, type Visit } from '../model/history';
import { causeWords } from '../model/task';
import { Actions } from '../parts/actions';
import { Chain } from '../parts/chain';
import { Detail, Failure } from '../parts/detail';
import { Events } from '../parts/events';
import { Graph, takenEdges } from '../parts/graph';
import { Timeline } from '../parts/timeline';
import { Code, Empty, Panel, Pill, Problem, Time, Took } from '../parts/ui';
import { place, setQuery, url } from '../router';
import type { Described } from '../states';

/** The id that the server's changes name this execution by: MACHINE/NAME. */
export function changeId(arn: string): string {
  return arn.split(':').slice(6).join(':').replaceAll('/', '~').replaceAll(':', '/');
}

function useStore(arn: string): ExecutionStore {
  const store = useMemo(() => new ExecutionStore(arn), [arn]);
  useEffect(() => {
    void store.refresh();
    let due: ReturnType<typeof setTimeout> | undefined;
    const stop = onChange((change) => {
      if (change.kind !== 'reset' && !(change.kind === 'execution' && change.id === changeId(arn))) return;
      due ??= setTimeout(() => {
        due = undefined;
        void store.refresh();
      }, 150);
    });
    return () => {
      stop();
      clearTimeout(due);
      store.stop();
    };
  }, [store]);
  return store;
}

function Head({ store, described }: { store: ExecutionStore; described: Described }) {
  const model = store.model.value;
  return (
    <div class="head">
      <div class="head-title">
        <p class="crumbs">
          <a href={url('executions')}>{t('Executions')}</a> ›{' '}
          <a href={url('executions', { machine: lastPart(described.stateMachineArn) })}>{lastPart(described.stateMachineArn)}</a> ·{' '}
          <a href={url(`machines/${lastPart(described.stateMachineArn)}`)}>{t('Definition')}</a>
        </p>
        <h1>
          {described.name} <Pill status={described.status} />
        </h1>
        <p class="facts">
          <span>
            {t('started')} <Time at={described.startDate} both />
          </span>
          <span>
            {t('took')} <Took from={described.startDate} to={described.stopDate} />
          </span>
          <span>
            {t('transitions')} <span class="number">{model.visits.length}</span>
          </span>
          {(described.redriveCount ?? 0) > 0 && (
            <span>
              {t('redrives')} <span class="number">{described.redriveCount}</span>
            </span>
          )}
        </p>
      </div>
      <Actions store={store} described={described} onDone={() => void store.refresh()} />
    </div>
  );
}

function Banner({ store, described, select }: { store: ExecutionStore; described: Described; select: (visit: Visit) => void }) {
  if (!described.error && !described.cause) return null;
  const failed = store.model.value.failed;
  return (
    <div class="banner" role="alert">
      <div>
        <strong>{failed ? t('State {state} failed', { state: failed.name }) : t('The execution failed')}</strong>{' '}
        <code>{failed?.error || described.error}</code>
        <p class="clamp">{causeWords(failed?.cause || described.cause || '')}</p>
      </div>
      {failed && (
        <button type="button" onClick={() => select(failed)}>
          {t('Show the state')}
        </button>
      )}
    </div>
  );
}

function Whole({ described }: { described: Described }) {
  return (
    <div class="detail">
      <p class="faint">{t('Select a state in the graph or the timeline.')}</p>
      <Failure error={described.error ?? ''} cause={described.cause ?? ''} />
      <details open class="step">
        <summary>{t('Execution input')}</summary>
        <Code text={described.input} />
      </details>
      {described.output !== undefined && (
        <details open class="step">
          <summary>{t('Execution output')}</summary>
          <Code text={described.output} />
        </details>
      )}
    </div>
  );
}

/** The visit that the URL names: by its own id, or the one of a state that tells most. */
function selectedVisit(visits: readonly Visit[], failed: Visit | undefined): { visit: Visit | undefined; state: string } {
  const { query } = place.value;
  const id = Number(query.get('visit') ?? 0);
  const named = visits.find((visit) => visit.id === id);
  if (named) return { visit: named, state: named.name };
  const state = query.get('state');
  if (state === null) {
    const first = failed ?? visits.findLast((visit) => visit.status === 'running');
    return { visit: first, state: first?.name ?? '' };
  }
  return { visit: summarise(visits).get(state)?.shown, state };
}

function Loaded({ store, described }: { store: ExecutionStore; described: Described }) {
  const model = store.model.value;
  const definition = store.definition.value;
  const summary = useMemo(() => summarise(model.visits), [model]);
  const taken = useMemo(() => takenEdges(model.visits, described.status === 'SUCCEEDED'), [model, described.status]);
  const { visit, state } = selectedVisit(model.visits, model.failed);
  const selectVisit = (chosen: Visit) => setQuery({ visit: String(chosen.id), state: '' });
  const selectState = (name: string) => {
    const shown = summary.get(name)?.shown;
    setQuery(shown ? { visit: String(shown.id), state: '' } : { visit: '', state: name });
  };
  const node = store.states.get(state);
  return (
    <>
      <Head store={store} described={described} />
      <Banner store={store} described={described} select={selectVisit} />
      {store.error.value !== undefined && <Problem error={store.error.value} retry={() => void store.refresh()} />}
      <div class="execution">
        <div class="execution-left">
          <Panel title={t('Graph')}>
            {definition && <Graph definition={definition} summary={summary} taken={taken} selected={state} onSelect={selectState} />}
          </Panel>
        </div>
        <div class="execution-right">
          <Panel title={t('Timeline')}>
            <Timeline visits={model.visits} began={described.startDate} ended={described.stopDate} selected={visit?.id ?? 0} onSelect={selectVisit} />
          </Panel>
          <section class="panel">
            {visit ? (
              <Detail store={store} visit={visit} version={store.events.value.length} onVisit={selectVisit} />
            ) : node ? (
              <div class="detail">
                <header>
                  <h2>{node.name}</h2>
                  <span class="faint">
                    {node.type} · {t('not reached')}
                  </span>
                </header>
                <Code text={JSON.stringify(node.source)} />
              </div>
            ) : (
              <Whole described={described} />
            )}
          </section>
        </div>
        <div class="whole-row">
          <Chain described={described} visits={model.visits} />
        </div>
        <Events store={store} selected={visit} onSelect={selectVisit} />
      </div>
    </>
  );
}

export function ExecutionPage({ arn }: { arn: string }) {
  const store = useStore(arn);
  const described = store.described.value;
  if (described) return <Loaded store={store} described={described} />;
  if (store.error.value !== undefined) return <Problem error={store.error.value} retry={() => void store.refresh()} />;
  return <Empty>{t('Loading…')}</Empty>;
}
