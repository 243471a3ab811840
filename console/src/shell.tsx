// What surrounds every page: navigation, language, theme, the state of the connection, keys.
import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { endSession, region } from './api';
import { live } from './feed';
import { Palette, paletteOpen } from './palette';
import { PAGES } from './pages';
import { utc } from './format';
import { choose, language, t, type Text } from './i18n';
import { place, url } from './router';
import { clock, serverNow } from './time';
import { useEffect, useState } from 'preact/hooks';

export const theme = signal(localStorage.getItem('kiban-theme') ?? 'system');

export function applyTheme(next: string): void {
  theme.value = next;
  localStorage.setItem('kiban-theme', next);
  if (next === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
}

function ClockFace() {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((n) => n + 1), 1000);
    return () => clearInterval(timer);
  }, []);
  if (!clock.value) return null;
  const frozen = clock.value.clock === 'virtual' && clock.value.scale === 0;
  return (
    <a class="clock-face" href={url('clock')} title={t('Clock')}>
      {utc(serverNow())} <span class="faint">UTC</span>
      {clock.value.clock === 'virtual' && <span class="tag">{frozen ? t('frozen') : t('virtual')}</span>}
    </a>
  );
}

function Settings() {
  return (
    <div class="settings">
      <select aria-label={t('Theme')} value={theme.value} onChange={(event) => applyTheme(event.currentTarget.value)}>
        <option value="system">{t('System')}</option>
        <option value="light">{t('Light')}</option>
        <option value="dark">{t('Dark')}</option>
      </select>
      <button
        type="button"
        class="quiet"
        title={t('Language')}
        lang={language.value === 'ja' ? 'en' : 'ja'}
        onClick={() => choose(language.value === 'ja' ? 'en' : 'ja')}
      >
        {language.value === 'ja' ? 'English' : '日本語'}
      </button>
      <button type="button" class="quiet" onClick={() => void endSession()}>
        {t('Sign out')}
      </button>
    </div>
  );
}

const LIVE_WORDS: Record<string, Text> = { live: 'live', connecting: 'connecting', lost: 'connection lost' };

export function Shell({ children }: { children: ComponentChildren }) {
  const here = place.value.path.split('/')[0] ?? '';
  return (
    <>
      <a class="skip" href="#main">
        {t('Skip to content')}
      </a>
      <header class="top">
        <a class="brand" href={url('')}>
          kiban
        </a>
        <button type="button" class="find" onClick={() => (paletteOpen.value = true)} aria-keyshortcuts="Control+K">
          {t('Go to')} <kbd>Ctrl K</kbd>
        </button>
        <div class="top-right">
          <span class={`feed ${live.value}`} role="status">
            {t(LIVE_WORDS[live.value] as Text)}
          </span>
          <ClockFace />
          <span class="faint region" title={t('region')}>
            {region.value}
          </span>
          <Settings />
        </div>
      </header>
      <div class="frame">
        <nav class="side" aria-label={t('Menu')}>
          {PAGES.map(({ path, title }) => (
            <a key={path} href={url(path)} aria-current={path === here ? 'page' : undefined}>
              {t(title)}
            </a>
          ))}
        </nav>
        <main id="main" tabIndex={-1}>
          {children}
        </main>
      </div>
      <Palette />
    </>
  );
}

/**
 * Ctrl+K opens the palette; `/` goes to the search field; j and k move along the rows of a list,
 * Enter opens one.
 */
export function listenToKeys(): void {
  document.addEventListener('keydown', (event) => {
    const target = event.composedPath()[0] as HTMLElement; // In the editor's shadow root too.
    if (event.key === 'k' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      paletteOpen.value = !paletteOpen.value;
      return;
    }
    if (target.isContentEditable) return;
    if (event.ctrlKey || event.metaKey || event.altKey || target.matches('input, textarea, select, pre')) return;
    if (event.key === '/') {
      const field = document.querySelector<HTMLElement>('[data-search]');
      if (!field) return;
      event.preventDefault();
      field.focus();
    } else if (event.key === 'j' || event.key === 'k') {
      const rows = [...document.querySelectorAll<HTMLElement>('[data-row]')];
      const at = rows.indexOf(target.closest('[data-row]') as HTMLElement);
      const next = event.key === 'j' ? at + 1 : at < 0 ? rows.length - 1 : at - 1;
      rows[Math.max(0, Math.min(rows.length - 1, next))]?.focus();
      event.preventDefault();
    }
  });
}
