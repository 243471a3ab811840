import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { japanese } from '../src/japanese';

const sources = (folder: string): string[] =>
  readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return sources(path);
    return /\.tsx?$/.test(name) && name !== 'japanese.ts' ? [readFileSync(path, 'utf8')] : [];
  });

test('every text is used, and its Japanese has the same parameters', () => {
  const all = sources(join(process.env.KIBAN_CONSOLE_SOURCES ?? 'src')).join('\n');
  const parameters = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(([whole]) => whole).sort();
  // Statuses come from the server.
  const unused = Object.keys(japanese).filter((key) => !/^[A-Z_]+$/.test(key) && !all.includes(key) && !all.includes(key.replaceAll("'", "\\'")));
  assert.deepEqual(unused, []);
  for (const [key, text] of Object.entries(japanese)) assert.deepEqual(parameters(text), parameters(key), key);
});
