import './style.css';
import { Component, render, type ComponentChildren, type ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { ApiError, openSession, session } from './api';
import { followFeed, onChange } from './feed';
import { choose, language, t } from './i18n';
import { ExecutionPage } from './pages/execution';
import { ExecutionsPage } from './pages/executions';
import { Overview } from './pages/overview';
import { PAGES, type PageEntry } from './pages';
import { Problem } from './parts/ui';
import { followLinks, place } from './router';
import { applyTheme, listenToKeys, Shell, theme } from './shell';
import { readClock } from './time';

const loaded = new Map<string, ComponentType>();

/** A page that is loaded when it opens first. */
function Lazy({ entry }: { entry: PageEntry }) {
  const [, redraw] = useState(0);
  const [error, setError] = useState<unknown>();
  const load = () =>
    entry.load?.().then(
      ({ Page: part }) => {
        loaded.set(entry.path, part);
        setError(undefined);
        redraw((n) => n + 1);
      },
      // The server may have been replaced by another build: its files have other names.
      () => setError(new ApiError('ConnectFailed', t('A part of the page could not be loaded.'), 0)),
    );
  useEffect(() => {
    if (!loaded.has(entry.path)) void load();
  }, [entry]);
  const Part = loaded.get(entry.path);
  if (error !== undefined) return <Problem error={error} retry={() => location.reload()} />;
  return Part ? <Part /> : <p class="empty">{t('Loading…')}</p>;
}

function Page() {
  const { path } = place.value;
  const entry = PAGES.find((each) => each.path === (path.split('/')[0] ?? ''));
  useEffect(() => {
    const title = path.includes('/') ? path.split(/[:/]/).at(-1) : entry && path !== '' ? t(entry.title) : '';
    document.title = title ? `${title} · kiban` : 'kiban';
  }, [path, language.value]);
  if (path === '') return <Overview />;
  if (path === 'executions') return <ExecutionsPage />;
  if (path.startsWith('executions/')) return <ExecutionPage key={path} arn={path.slice('executions/'.length)} />;
  if (entry?.load) return <Lazy key={entry.path} entry={entry} />;
  return <p class="empty">{t('There is no such page.')}</p>;
}

/** A page that fails to draw is told; the menu and the other pages go on. */
class Boundary extends Component<{ children: ComponentChildren }, { error: unknown }> {
  override state = { error: undefined as unknown };

  override componentDidCatch(error: unknown): void {
    this.setState({ error });
  }

  override render() {
    if (this.state.error === undefined) return this.props.children;
    return <Problem error={this.state.error} retry={() => this.setState({ error: undefined })} />;
  }
}

function NoSession({ error }: { error: ApiError | undefined }) {
  return (
    <main class="door">
      <h1>kiban</h1>
      {error && error.code !== 'NoSession' && <Problem error={error} />}
      <h2>{t('No session')}</h2>
      <p>{t('This page needs a session. In a terminal on the machine that runs kiban:')}</p>
      <pre>kiban console</pre>
      <p class="faint">{t('It prints a link that works once. Add --data DIR if the server was started with it.')}</p>
      <button type="button" class="quiet" onClick={() => choose(language.value === 'ja' ? 'en' : 'ja')}>
        {language.value === 'ja' ? 'English' : '日本語'}
      </button>
    </main>
  );
}

function App() {
  const [error, setError] = useState<ApiError | undefined>();
  useEffect(() => {
    void openSession().then(setError);
  }, []);
  useEffect(() => {
    if (session.value !== 'open') return undefined;
    void readClock().catch(() => undefined);
    void followFeed();
    return onChange((change) => {
      if (change.kind === 'clock' || change.kind === 'reset') void readClock().catch(() => undefined);
    });
  }, [session.value]);
  if (session.value === 'unknown') return <p class="empty">{t('Loading…')}</p>;
  if (session.value === 'none') return <NoSession error={error} />;
  return (
    <Shell>
      <Boundary key={place.value.path}>
        <Page />
      </Boundary>
    </Shell>
  );
}

applyTheme(theme.value);
document.documentElement.lang = language.value;
followLinks();
listenToKeys();
render(<App />, document.getElementById('app') as HTMLElement);
