import assert from 'node:assert/strict';
import test from 'node:test';
import { dayOf, firingsByDay } from '../src/model/calendar';
import { matching } from '../src/model/choices';
import { costOf, dollars, taskCost } from '../src/model/cost';
import { linePath, roundUp, short } from '../src/model/plot';
import { japaneseWords } from '../src/model/schedule';
import prices from '../src/prices.json';

test('schedules in Japanese words', () => {
  const rows: [string, string][] = [
    ['rate(5 minutes)', '5 分ごと'],
    ['rate(1 day)', '毎日'],
    ['rate(1 hour)', '1 時間ごと'],
    ['at(2026-11-25T02:00:00)', '2026-11-25 02:00:00 に一度だけ'],
    ['cron(0 17 * * ? *)', '毎日 17:00'],
    ['cron(0,30 9,17 * * ? *)', '毎日 09:00、09:30、17:00、17:30'],
    ['cron(30 8 ? * MON-FRI *)', '毎週 月~金曜日 08:30'],
    ['cron(5 * ? * 2,4 *)', '毎週 月、水曜日 毎時 5分'],
    ['cron(* * * * ? *)', '毎日 毎分'],
    ['cron(0 9 L * ? *)', '毎月末日 09:00'],
    ['cron(0 9 15W * ? *)', '毎月 15 日に最も近い平日 09:00'],
    ['cron(0 9 ? * FRI#2 *)', '毎月第 2 金曜日 09:00'],
    ['cron(0 9 ? * 5L *)', '毎月最後の木曜日 09:00'],
    ['cron(0 0 1 JAN,7 ? 2027)', '2027年 1、7月の毎月 1日 00:00'],
    ['nonsense', 'nonsense'],
  ];
  for (const [expression, words] of rows) assert.equal(japaneseWords(expression), words);
});

test('firings by day of a zone', () => {
  const nine = 9 * 3600;
  assert.equal(dayOf(86400 * 10, nine), 86400 * 10 - nine);
  const timed = (id: string, times: number[], cut = false) => ({ id, name: id, kind: 'rule' as const, times, cut });
  const days = firingsByDay([timed('late', [50_000]), timed('early', [100, 90_000], true)], 0, 2);
  assert.deepEqual(days.map((day) => day.rules.map((rule) => [rule.timed.id, rule.times.length, rule.more])), [[['early', 1, false], ['late', 1, false]], [['early', 1, true]]]);
});

test('prices: transitions, a task of a vCPU for an hour, and a minute at least', () => {
  const tokyo = prices.regions['ap-northeast-1'];
  const hour = { cpuUnits: 1024, memoryMib: 2048, seconds: 3600 };
  assert.ok(Math.abs(taskCost(hour, tokyo) - (0.05056 + 2 * 0.00553)) < 1e-9);
  assert.equal(taskCost({ ...hour, seconds: 1 }, tokyo), taskCost({ ...hour, seconds: 60 }, tokyo));
  const cost = costOf({ transitions: 1000, tasks: [], logBytes: 2 ** 30 }, tokyo);
  assert.ok(Math.abs(cost.total - 0.785) < 1e-9);
  assert.deepEqual([0, 0.00005, 0.785, 12.345].map(dollars), ['$0', '$0.0000500', '$0.785', '$12.35']);
  for (const list of Object.values(prices.regions)) for (const [name, price] of Object.entries(list)) assert.ok(name === 'name' || Number(price) > 0, name);
});

test('plots: a round top, gaps break the line', () => {
  assert.deepEqual([0, 3, 7, 20, 101, 0.03].map(roundUp), [1, 5, 10, 20, 200, 0.05]);
  const frame = { from: 0, to: 100, width: 100, height: 10 };
  assert.equal(linePath([{ at: 0, value: 0 }, { at: 10, value: 10 }, { at: 90, value: 5 }], frame, 10, 10), 'M0.0,10.0L10.0,0.0M90.0,5.0');
  assert.deepEqual([1500, 2.5e6, 0.123456].map(short), ['1.5k', '2.5M', '0.123']);
});

test('the palette finds by words, beginnings first', () => {
  const all = ['a batch', 'batch', 'order'].map((name) => ({ kind: '', name, to: name }));
  assert.deepEqual(matching(all, 'bat').map((each) => each.name), ['batch', 'a batch']);
  assert.deepEqual(matching(all, 'a ba').map((each) => each.name), ['a batch', 'batch']);
});
