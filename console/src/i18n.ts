// The page's words. The key is the English text; tsc demands that each has its Japanese.
import { signal } from '@preact/signals';
import { japanese } from './japanese';

export type Text = keyof typeof japanese;
export type Language = 'en' | 'ja';

function initial(): Language {
  const kept = localStorage.getItem('kiban-language');
  if (kept === 'en' || kept === 'ja') return kept;
  return navigator.language.startsWith('ja') ? 'ja' : 'en';
}

export const language = signal<Language>(initial());

export function choose(next: Language): void {
  language.value = next;
  localStorage.setItem('kiban-language', next);
  document.documentElement.lang = next;
}

/** `{name}` in the text is replaced by that parameter. */
export function t(key: Text, parameters: Record<string, string | number> = {}): string {
  const text: string = language.value === 'ja' ? japanese[key] : key;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(parameters[name] ?? whole));
}
