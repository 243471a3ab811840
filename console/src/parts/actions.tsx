// What can be done with an execution: stop, redrive, run again, copy the command.
import { useRef, useState } from 'preact/hooks';
import { call } from '../api';
import { pretty } from '../format';
import { t } from '../i18n';
import { go, url } from '../router';
import type { Described } from '../states';
import { CopyButton, Problem } from './ui';

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

function RunAgain({ described, close }: { described: Described; close: () => void }) {
  const [input, setInput] = useState(pretty(described.input ?? '{}'));
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
      const { executionArn } = await call<{ executionArn: string }>('states', 'StartExecution', { stateMachineArn: described.stateMachineArn, input });
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

export function Actions({ described, onDone }: { described: Described; onDone: () => void }) {
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
  const command = `kiban aws stepfunctions start-execution --state-machine-arn ${described.stateMachineArn} --input ${quoted(described.input ?? '{}')}`;
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
      <CopyButton text={command} label={t('Copy as CLI')} />
      {error !== undefined && <Problem error={error} />}
      <dialog ref={dialog} onClose={() => setRunning(false)} aria-label={t('Run again…')}>
        {running && <RunAgain described={described} close={close} />}
      </dialog>
    </div>
  );
}
