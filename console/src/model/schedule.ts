// A schedule expression in Japanese words; the English ones are the server's (kiban schedule explain).
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html

const WEEKDAYS: Record<string, string> = { SUN: '日', MON: '月', TUE: '火', WED: '水', THU: '木', FRI: '金', SAT: '土' };
const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const UNITS: Record<string, string> = { minute: '分', minutes: '分', hour: '時間', hours: '時間', day: '日', days: '日' };

const weekday = (text: string): string => {
  const name = /^\d$/.test(text) ? Object.keys(WEEKDAYS)[Number(text) - 1] : text.toUpperCase();
  return WEEKDAYS[name ?? ''] ?? text;
};
const month = (text: string): string => {
  const at = MONTHS.indexOf(text.toUpperCase());
  return at < 0 ? text : String(at + 1);
};

/** "1,3-5" as "1、3~5"; a step as "0 から 15 おき". */
function listed(field: string, name: (text: string) => string, unit: string): string {
  const parts = field.split(',').map((part) => {
    const [range = '', step] = part.split('/');
    const [from = '', to] = range.split('-');
    const words = to === undefined ? (from === '*' ? '' : name(from)) : `${name(from)}~${name(to)}`;
    if (step === undefined) return words;
    return `${words === '' ? '' : `${words}${unit}から `}${step} ${unit === '時' ? '時間' : unit === '月' ? 'か月' : unit}ごと`;
  });
  return parts.join('、') + (field.includes('/') ? '' : unit);
}

const same = (text: string) => text;

function timeWords(minutes: string, hours: string): string {
  const numbers = (field: string) => field.split(',').every((each) => /^\d+$/.test(each));
  if (numbers(minutes) && numbers(hours)) {
    const times = hours.split(',').flatMap((hour) => minutes.split(',').map((minute) => `${hour.padStart(2, '0')}:${minute.padStart(2, '0')}`));
    if (times.length <= 6) return times.join('、');
  }
  const minute = minutes === '*' ? '毎分' : listed(minutes, same, '分');
  if (hours === '*') return minutes === '*' ? minute : `毎時 ${minute}`;
  return `${listed(hours, same, '時')} ${minute}`;
}

function dayWords(monthDay: string, week: string): string {
  if (week === '?' || week === '*') {
    if (monthDay === '*' || monthDay === '?') return '毎日';
    if (monthDay === 'L') return '毎月末日';
    if (monthDay === 'LW' || monthDay === 'WL') return '毎月最後の平日';
    if (monthDay.endsWith('W')) return `毎月 ${monthDay.slice(0, -1)} 日に最も近い平日`;
    return monthDay.includes('/') ? listed(monthDay, same, '日') : `毎月 ${listed(monthDay, same, '日')}`;
  }
  const [day = '', nth] = week.split('#');
  if (nth !== undefined) return `毎月第 ${nth} ${weekday(day)}曜日`;
  if (week === 'L') return '毎週土曜日';
  if (week.endsWith('L')) return `毎月最後の${weekday(week.slice(0, -1))}曜日`;
  return `毎週 ${listed(week, weekday, '曜日')}`;
}

/** Of a valid expression; one that is not is returned as it is. */
export function japaneseWords(expression: string): string {
  const inside = /^(\w+)\((.*)\)$/.exec(expression.trim());
  if (!inside) return expression;
  const [, kind, text = ''] = inside;
  if (kind === 'at') return `${text.replace('T', ' ')} に一度だけ`;
  if (kind === 'rate') {
    const [amount = '', unit = ''] = text.split(/\s+/);
    if (amount === '1') return unit.startsWith('day') ? '毎日' : unit.startsWith('hour') ? '1 時間ごと' : '毎分';
    return `${amount} ${UNITS[unit] ?? unit}ごと`;
  }
  const fields = text.trim().split(/\s+/);
  if (kind !== 'cron' || fields.length !== 6) return expression;
  const [minutes, hours, monthDay, months, week, years] = fields as [string, string, string, string, string, string];
  const when = months === '*' ? '' : `${listed(months, month, '月')}の`;
  const year = years === '*' ? '' : `${listed(years, same, '年')} `;
  return `${year}${when}${dayWords(monthDay, week)} ${timeWords(minutes, hours)}`;
}
