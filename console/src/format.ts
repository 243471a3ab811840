// Times and lengths in words. Times are seconds since 1970, as the AWS API writes them.
import { language } from './i18n';

const two = (n: number) => String(n).padStart(2, '0');

/** "2026-11-24 17:00:00" in UTC. */
export function utc(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ');
}

/** The same in the reader's zone. */
export function local(seconds: number): string {
  const at = new Date(seconds * 1000);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
export const isUtc = () => new Date().getTimezoneOffset() === 0;

/** "1.25 s", "3 min 20 s", "1 d 2 h". */
export function duration(seconds: number): string {
  const rest = Math.max(0, seconds);
  if (rest < 1) return `${Math.round(rest * 1000)} ms`;
  if (rest < 60) return `${rest.toFixed(rest < 10 ? 2 : 1)} s`;
  const whole = Math.round(rest);
  const parts: [number, string][] = [
    [Math.floor(whole / 86400), 'd'],
    [Math.floor(whole / 3600) % 24, 'h'],
    [Math.floor(whole / 60) % 60, 'min'],
    [whole % 60, 's'],
  ];
  const first = parts.findIndex(([n]) => n > 0);
  return parts
    .slice(first, first + 2)
    .filter(([n]) => n > 0)
    .map(([n, unit]) => `${n} ${unit}`)
    .join(' ');
}

/** "in 3 min", "5 s ago", in the chosen language. */
export function relative(seconds: number, now: number): string {
  const distance = seconds - now;
  const words = new Intl.RelativeTimeFormat(language.value, { numeric: 'auto' });
  for (const [unit, length] of [['day', 86400], ['hour', 3600], ['minute', 60]] as const)
    if (Math.abs(distance) >= length) return words.format(Math.trunc(distance / length), unit);
  return words.format(Math.trunc(distance), 'second');
}

/** "30 B", "1.5 KiB", "2.0 MiB". */
export const bytes = (n: number): string => (n < 1024 ? `${n} B` : n < 1 << 20 ? `${(n / 1024).toFixed(1)} KiB` : `${(n / (1 << 20)).toFixed(1)} MiB`);

export const lastPart = (arn: string) => arn.slice(Math.max(arn.lastIndexOf(':'), arn.lastIndexOf('/')) + 1);

export function pretty(text: string | undefined): string {
  if (text === undefined) return '';
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
