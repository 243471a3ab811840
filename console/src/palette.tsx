// The command palette: Ctrl+K (or the button) finds pages, state machines and their newest executions.
import { signal } from '@preact/signals';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { t } from './i18n';
import { matching, type Choice } from './model/choices';
import { PAGES } from './pages';
import { go, url } from './router';
import { eachOf, listExecutions, listMachines, newestFirst } from './states';

export const paletteOpen = signal(false);

const MACHINES_MAX = 20;
const EACH_MAX = 5;
const SHOWN_MAX = 12;

async function loadChoices(): Promise<Choice[]> {
  const machines = await listMachines();
  const standard = machines.filter((each) => each.type === 'STANDARD').slice(0, MACHINES_MAX);
  const pages = await eachOf(standard, 6, (each) => listExecutions(each.stateMachineArn, '', EACH_MAX));
  return [
    ...machines.map((each) => ({ kind: t('State machine'), name: each.name, to: url(`machines/${each.name}`) })),
    ...pages
      .flatMap((page) => page.executions)
      .sort(newestFirst)
      .map((each) => ({ kind: t('Execution'), name: `${each.stateMachineArn.split(':').at(-1)} ${each.name}`, to: url(`executions/${each.executionArn}`) })),
  ];
}

function Choices({ close }: { close: () => void }) {
  const [words, setWords] = useState('');
  const [chosen, setChosen] = useState(0);
  const [found, setFound] = useState<readonly Choice[]>([]);
  useEffect(() => {
    loadChoices().then(setFound, () => undefined); // The pages alone can be chosen then.
  }, []);
  const all = useMemo(() => [...PAGES.map(({ path, title }) => ({ kind: t('Page'), name: t(title), to: url(path) })), ...found], [found]);
  const shown = matching(all, words).slice(0, SHOWN_MAX);
  const at = Math.min(chosen, shown.length - 1);
  const open = (choice: Choice | undefined) => {
    if (!choice) return;
    close();
    go(choice.to);
  };
  const press = (event: KeyboardEvent) => {
    if (event.key === 'ArrowDown') setChosen(Math.min(at + 1, shown.length - 1));
    else if (event.key === 'ArrowUp') setChosen(Math.max(at - 1, 0));
    else if (event.key === 'Enter' && !event.isComposing) open(shown[at]);
    else return;
    event.preventDefault();
  };
  return (
    <>
      <input
        type="text"
        role="combobox"
        aria-expanded="true"
        aria-controls="palette-choices"
        aria-activedescendant={at >= 0 ? `choice-${at}` : undefined}
        aria-label={t('Go to')}
        placeholder={t('Go to a page, a state machine, an execution')}
        value={words}
        autofocus
        onKeyDown={press}
        onInput={(event) => {
          setWords(event.currentTarget.value);
          setChosen(0);
        }}
      />
      <ul id="palette-choices" role="listbox" aria-label={t('Go to')}>
        {shown.map((choice, i) => (
          <li key={choice.to} id={`choice-${i}`} role="option" aria-selected={i === at} onClick={() => open(choice)}>
            <span>{choice.name}</span> <span class="faint">{choice.kind}</span>
          </li>
        ))}
      </ul>
      {shown.length === 0 && <p class="empty">{t('Nothing matches.')}</p>}
    </>
  );
}

export function Palette() {
  const dialog = useRef<HTMLDialogElement>(null);
  const open = paletteOpen.value;
  useEffect(() => {
    if (open && !dialog.current?.open) dialog.current?.showModal();
    if (!open && dialog.current?.open) dialog.current.close();
    if (open) dialog.current?.querySelector('input')?.focus();
  }, [open]);
  return (
    <dialog ref={dialog} class="palette" aria-label={t('Go to')} onClose={() => (paletteOpen.value = false)}>
      {open && <Choices close={() => (paletteOpen.value = false)} />}
    </dialog>
  );
}
