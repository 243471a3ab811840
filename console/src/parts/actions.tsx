// What can be done with an execution: stop, redrive, run again, copy the command.
import { useRef, useState } from 'preact/hooks';
import { call } from '../api';
import { pretty } from '../format';
import type { ExecutionStore } from '../execution';
import { t, type Text } from '../i18n';
import { javascriptCall, pythonCall, quoted } from '../model/commands';
import { testCase } from '../testcase';
import { go, url } from '../router';
import type { Described } from '../states';
import { Problem } from './ui';

/** Starts an execution with an input that is edited first. */
export function RunForm({ machine, given, close }: { machine: string; given: string; close: () => void }) {
  const [input, setInput] = useState(pretty(given));
  const [error, setError] = useState<unknown>();
  const wrong = (() => {
    try {
      JSON.parse(input);
      return '';
    } catch (failure) {
      return (failure as Error).message;
    }
  })();
  const start = async (event: Event) => {
    event.preventDefault();
    try {
      const { executionArn } = await call<{ executionArn: string }>('states', 'StartExecution', { stateMachineArn: machine, input });
      close();
      go(url(`executions/${executionArn}`));
    } catch (failure) {
      setError(failure);
    }
  };
  return (
    <form class="run-again" onSubmit={(event) => void start(event)}>
      <label for="run-input">{t('Input of the new execution')}</label>
      <textarea id="run-input" rows={10} spellcheck={false} value={input} onInput={(event) => setInput(event.currentTarget.value)} />
      {wrong && <p class="problem">{t('This is not JSON: {why}', { why: wrong })}</p>}
      {error !== undefined && <Problem error={error} />}
      <div class="tools">
        <button type="submit" class="main" disabled={wrong !== ''}>
          {t('Start execution')}
        </button>
        <button type="button" onClick={close}>
          {t('Cancel')}
        </button>
      </div>
    </form>
  );
}

/** Ways to repeat this execution elsewhere. */
function Copies({ store, described }: { store: ExecutionStore; described: Described }) {
  const [error, setError] = useState<unknown>();
  const [done, setDone] = useState('');
  const input = described.input ?? '{}';
  const ways: readonly (readonly [Text, () => Promise<string>])[] = [
    ['CLI', async () => `kiban aws stepfunctions start-execution --state-machine-arn ${described.stateMachineArn} --input ${quoted(input)}`],
    ['SDK for Python', async () => pythonCall(described.stateMachineArn, input)],
    ['SDK for JavaScript', async () => javascriptCall(described.stateMachineArn, input)],
    ['test case of kiban asl test', () => testCase(store, described)],
  ];
  const copy = async (name: Text, make: () => Promise<string>, menu: HTMLDetailsElement | null) => {
    try {
      await navigator.clipboard.writeText(await make());
      setError(undefined);
      setDone(t('Copied: {what}', { what: t(name) }));
      if (menu) menu.open = false;
      setTimeout(() => setDone(''), 2500);
    } catch (failure) {
      setError(failure);
    }
  };
  return (
    <>
      <details class="menu">
        <summary>{t('Copy as…')}</summary>
        <div class="menu-items">
          {ways.map(([name, make]) => (
            <button key={name} type="button" class="quiet" onClick={(event) => void copy(name, make, event.currentTarget.closest('details'))}>
              {t(name)}
            </button>
          ))}
        </div>
      </details>
      <span role="status" class="faint">
        {done}
      </span>
      {error !== undefined && <Problem error={error} />}
    </>
  );
}

export function Actions({ store, described, onDone }: { store: ExecutionStore; described: Described; onDone: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [running, setRunning] = useState(false);
  const [error, setError] = useState<unknown>();
  const act = async (operation: string) => {
    try {
      await call('states', operation, { executionArn: described.executionArn });
      setError(undefined);
      onDone();
    } catch (failure) {
      setError(failure);
    }
  };
  const stop = () => {
    if (confirm(t('Stop this execution?'))) void act('StopExecution');
  };
  const open = () => {
    setRunning(true);
    dialog.current?.showModal();
  };
  const close = () => {
    dialog.current?.close();
    setRunning(false);
  };
  return (
    <div class="tools">
      {described.status === 'RUNNING' && (
        <button type="button" class="danger" onClick={stop}>
          {t('Stop')}
        </button>
      )}
      {described.redriveStatus === 'REDRIVABLE' && (
        <button type="button" class="main" onClick={() => void act('RedriveExecution')}>
          {t('Redrive')}
        </button>
      )}
      <button type="button" onClick={open}>
        {t('Run again…')}
      </button>
      <Copies store={store} described={described} />
      {error !== undefined && <Problem error={error} />}
      <dialog ref={dialog} onClose={() => setRunning(false)} aria-label={t('Run again…')}>
        {running && <RunForm machine={described.stateMachineArn} given={described.input ?? '{}'} close={close} />}
      </dialog>
    </div>
  );
}
