// One state machine: its definition as graph and text, checked as it is typed; a state tried alone;
// saved as a new revision; run.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { ApiError, call } from '../api';
import { pretty } from '../format';
import { t } from '../i18n';
import { containerOf, statesByName, type Container } from '../model/definition';
import { locate, pathOfState } from '../model/pointer';
import { Facts, Live } from '../parts/listing';
import { openEditor, type Diagnostic, type Editor } from '../parts/editor';
import { Graph } from '../parts/graph';
import { RunForm } from '../parts/actions';
import { Steps } from '../parts/steps';
import { CopyButton, Empty, Panel, Pill, Problem, Time } from '../parts/ui';
import { ExecutionRows } from './overview';
import { place, setQuery, url } from '../router';
import { listExecutions, listMachines } from '../states';

interface Described {
  readonly stateMachineArn: string;
  readonly name: string;
  readonly type: 'STANDARD' | 'EXPRESS';
  readonly definition: string;
  readonly roleArn: string;
  readonly revisionId?: string;
  readonly creationDate: number;
  readonly description?: string;
}

interface Told {
  readonly severity: 'ERROR' | 'WARNING';
  readonly code: string;
  readonly message: string;
  readonly location?: string;
}

function readContainer(text: string): Container | undefined {
  try {
    return containerOf(JSON.parse(text) as Record<string, unknown>);
  } catch {
    return undefined;
  }
}

function shownAt(text: string, told: Told): Diagnostic {
  const found = locate(text, told.location ?? '') ?? { from: 0, to: Math.min(1, text.length) };
  return { ...found, severity: told.severity === 'ERROR' ? 'error' : 'warning', message: `${told.code}: ${told.message}` };
}

async function validate(definition: string, type: string): Promise<Told[]> {
  try {
    JSON.parse(definition);
  } catch (failure) {
    return [{ severity: 'ERROR', code: 'INVALID_JSON_DESCRIPTION', message: (failure as Error).message }];
  }
  const { diagnostics } = await call<{ diagnostics: Told[] }>('states', 'ValidateStateMachineDefinition', { definition, type, severity: 'WARNING' });
  return diagnostics;
}

const EMPTY_SUMMARY = new Map<string, never>();
const NOTHING_TAKEN: ReadonlySet<string> = new Set();

/** TestState of one state: https://docs.aws.amazon.com/step-functions/latest/apireference/API_TestState.html */
function TestState({ text, name, type, described }: { text: string; name: string; type: string; described: Described }) {
  const [input, setInput] = useState('{}');
  const [mock, setMock] = useState('');
  const [reply, setReply] = useState<Record<string, unknown> | undefined>();
  const [error, setError] = useState<unknown>();
  const mocked = mock.trim() !== '';
  const attempt = async (event: Event) => {
    event.preventDefault();
    try {
      const mocks = mocked ? { mock: { result: mock, fieldValidationMode: 'NONE' } } : { roleArn: described.roleArn };
      setReply(await call('states', 'TestState', { definition: text, stateName: name, input, inspectionLevel: 'DEBUG', ...mocks }));
      setError(undefined);
    } catch (failure) {
      setReply(undefined);
      setError(failure);
    }
  };
  useEffect(() => {
    setReply(undefined);
    setError(undefined);
  }, [name]);
  return (
    <form class="detail test-state" onSubmit={(event) => void attempt(event)}>
      <h3>
        {t('Try the state {state}', { state: name })} <span class="faint">{type}</span>
      </h3>
      <label for="test-input">{t('Input')}</label>
      <textarea id="test-input" rows={5} spellcheck={false} value={input} onInput={(event) => setInput(event.currentTarget.value)} />
      {['Task', 'Map', 'Parallel'].includes(type) && (
        <>
          <label for="test-mock">{t('Result of its work; left empty, a Task really calls its service')}</label>
          <textarea id="test-mock" rows={3} spellcheck={false} value={mock} onInput={(event) => setMock(event.currentTarget.value)} />
        </>
      )}
      <p class="tools">
        <button type="submit" class="main">
          {t('Try')}
        </button>
        {reply && <Pill status={String(reply.status)} />}
        {typeof reply?.nextState === 'string' && <span class="faint">{t('next state: {state}', { state: reply.nextState })}</span>}
      </p>
      {error !== undefined && <Problem error={error} />}
      {reply && <Steps reply={reply} />}
    </form>
  );
}

function useEditor(described: Described, onText: (text: string) => void, onTold: (told: readonly Told[]) => void) {
  const host = useRef<HTMLDivElement>(null);
  const editor = useRef<Editor | null>(null);
  useEffect(() => {
    const check = async (text: string) => {
      try {
        const told = await validate(text, described.type);
        onTold(told);
        return told.map((each) => shownAt(text, each));
      } catch (failure) {
        const { code, message } = failure as ApiError;
        onTold([{ severity: 'ERROR', code, message }]);
        return [];
      }
    };
    editor.current = openEditor(host.current as HTMLElement, pretty(described.definition), t('Definition'), onText, check);
    return () => editor.current?.destroy();
  }, [described.stateMachineArn]);
  return { host, editor };
}

const isError = (each: Told) => each.severity === 'ERROR';

const Verdict = ({ told }: { told: readonly Told[] }) => (
  <span class={told.some(isError) ? 'bad' : 'faint'} role="status">
    {told.length === 0 ? t('No diagnostics.') : t('{n} diagnostics', { n: told.length })}
  </span>
);

const Running = (props: { machine: string; close: () => void }) => (
  <Panel title={t('Start execution')}>
    <div class="detail">
      <RunForm {...props} given="{}" />
    </div>
  </Panel>
);

const TOLD_MAX = 20;

function Diagnostics({ told, reveal }: { told: readonly Told[]; reveal: (path: string | undefined) => void }) {
  if (told.length === 0) return null;
  return (
    <ul class="rows told">
      {told.slice(0, TOLD_MAX).map((each, i) => (
        <li key={i}>
          <button type="button" data-row class="quiet" onClick={() => reveal(each.location)}>
            <span class={isError(each) ? 'bad' : 'warned'}>{each.code}</span> {each.message} <span class="faint">{each.location}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}

function Editing({ described, reload }: { described: Described; reload: () => Promise<void> }) {
  const saved = pretty(described.definition);
  const [text, setText] = useState(saved);
  const [told, setTold] = useState<readonly Told[]>([]);
  const [error, setError] = useState<unknown>();
  const [running, setRunning] = useState(false);
  const selected = place.value.query.get('state') ?? '';
  const { host, editor } = useEditor(described, setText, setTold);
  const last = useRef<Container | undefined>(readContainer(saved));
  const definition = useMemo(() => (last.current = readContainer(text) ?? last.current), [text]);
  const reveal = (path: string | undefined) => {
    const found = path && locate(text, path);
    if (found) editor.current?.reveal(found.from, found.to);
  };
  const select = (name: string) => {
    setQuery({ state: name });
    try {
      reveal(pathOfState(JSON.parse(text), name));
    } catch {
      // The text is not JSON at the moment: the graph shows the last one that was.
    }
  };
  const save = async () => {
    try {
      await call('states', 'UpdateStateMachine', { stateMachineArn: described.stateMachineArn, definition: text });
      setError(undefined);
      await reload();
    } catch (failure) {
      setError(failure);
    }
  };
  const errors = told.filter(isError).length;
  const changed = text !== saved;
  const known = definition && statesByName(definition).get(selected); // The text may be no JSON just now.
  return (
    <>
      <p class="tools">
        <button type="button" class="main" disabled={!changed || errors > 0} onClick={() => void save()}>
          {t('Save as a new revision')}
        </button>
        <button type="button" disabled={!changed} onClick={() => editor.current?.setText(saved)}>
          {t('Discard changes')}
        </button>
        <button type="button" disabled={changed} onClick={() => setRunning(!running)}>
          {t('Start execution')}
        </button>
        <CopyButton text={text} />
        <Verdict told={told} />
        {changed && <span class="tag">{t('not saved')}</span>}
      </p>
      {error !== undefined && <Problem error={error} />}
      {running && <Running machine={described.stateMachineArn} close={() => setRunning(false)} />}
      <div class="definition">
        <Panel title={t('Graph')}>
          <div class="plain">{definition && <Graph definition={definition} summary={EMPTY_SUMMARY} taken={NOTHING_TAKEN} selected={selected} onSelect={select} />}</div>
        </Panel>
        <div class="definition-text">
          <Panel title={t('Definition')}>
            <div class="editor" ref={host} />
            <Diagnostics told={told} reveal={reveal} />
          </Panel>
          <section class="panel" aria-label={t('Try a state')}>
            {known && errors === 0 ? <TestState text={text} name={selected} type={known.type} described={described} /> : <Empty>{t('Select a state in the graph to try it alone.')}</Empty>}
          </section>
        </div>
      </div>
    </>
  );
}

async function describe(name: string): Promise<Described> {
  const found = (await listMachines()).find((each) => each.name === name);
  if (!found) throw new ApiError('StateMachineDoesNotExist', t('There is no state machine {name}.', { name }), 404);
  return call('states', 'DescribeStateMachine', { stateMachineArn: found.stateMachineArn });
}

export function Page() {
  const name = place.value.path.split('/').slice(1).join('/');
  return (
    <Live load={() => describe(name)} keys={[name]} kinds={['machine']}>
      {(described, reload) => (
        <>
          <p class="crumbs">
            <a href={url('executions')}>{t('Executions')}</a> › <a href={url('executions', { machine: name })}>{name}</a>
          </p>
          <h1>{described.name}</h1>
          <div class="facts-line">
          <Facts
              facts={[
                ['type', described.type],
                ['role', <a key="r" href={url('iam', { tab: 'roles', id: described.roleArn.split('/').at(-1) ?? '' })}>{described.roleArn.split('/').at(-1)}</a>],
                ['revision', described.revisionId ?? t('the first')],
                ['created', <Time key="c" at={described.creationDate} />],
              ]}
            />
          </div>
          <Editing key={described.stateMachineArn} described={described} reload={reload} />
          {described.type === 'STANDARD' && (
            <Panel title={t('Newest executions')} aside={<a href={url('executions', { machine: name })}>{t('Show all')}</a>}>
              <Live load={() => listExecutions(described.stateMachineArn, '', 5)} keys={[described.stateMachineArn]} kinds={['execution']}>
                {({ executions }) => (executions.length > 0 ? <ExecutionRows executions={executions} /> : <Empty>{t('No execution yet.')}</Empty>)}
              </Live>
            </Panel>
          )}
        </>
      )}
    </Live>
  );
}
