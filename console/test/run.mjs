// Bundles each test of the pure parts and runs it with Node's own test runner.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const out = mkdtempSync(join(here, '../node_modules/.test-'));
const tests = readdirSync(here).filter((name) => name.endsWith('.test.ts'));
await build({
  entryPoints: tests.map((name) => join(here, name)),
  outdir: out,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node18',
  logLevel: 'warning',
});
const programs = tests.map((name) => join(out, name.replace(/\.ts$/, '.mjs')));
const ran = spawnSync(process.execPath, ['--test', '--test-reporter=tap', ...programs], {
  stdio: 'inherit',
  env: { ...process.env, KIBAN_CONSOLE_SOURCES: join(here, '../src') },
});
rmSync(out, { recursive: true, force: true });
process.exit(ran.status ?? 1);
