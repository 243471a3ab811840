// CloudWatch metrics of a namespace, each as a plot; alarms beside them.
import { call } from '../api';
import { duration } from '../format';
import { t } from '../i18n';
import { linePath, roundUp, short, type PlotPoint } from '../model/plot';
import { Body, listAll } from '../parts/listing';
import { useReloadEvery, useReloadOn } from '../parts/reload';
import { Empty, Panel, Pill, Problem, Time, useLoaded } from '../parts/ui';
import { place, setQuery } from '../router';
import { serverNow } from '../time';

interface Metric {
  readonly Namespace: string;
  readonly MetricName: string;
  readonly Dimensions?: readonly { readonly Name: string; readonly Value: string }[];
}

interface Series {
  readonly metric: Metric;
  readonly points: readonly PlotPoint[];
}

interface Plotted {
  readonly series: readonly Series[];
  readonly from: number;
  readonly to: number;
  readonly period: number;
}

const PLOTS_MAX = 60;
const RANGES: readonly (readonly [string, number, number])[] = [
  ['1 h', 3600, 60],
  ['6 h', 21600, 60],
  ['24 h', 86400, 300],
  ['7 d', 604800, 3600],
];
const STATISTICS = ['Sum', 'Average', 'Maximum', 'Minimum', 'SampleCount', 'p90', 'p99'];

async function readSeries(metrics: readonly Metric[], range: number, period: number, statistic: string): Promise<Plotted> {
  const to = Math.ceil(serverNow() / period) * period;
  const from = to - range;
  const shown = metrics.slice(0, PLOTS_MAX);
  if (shown.length === 0) return { series: [], from, to, period };
  const reply = await call<{ MetricDataResults: { Id: string; Timestamps: number[]; Values: number[] }[] }>('cloudwatch', 'GetMetricData', {
    StartTime: from,
    EndTime: to,
    ScanBy: 'TimestampAscending',
    MetricDataQueries: shown.map((Metric, i) => ({ Id: `m${i}`, MetricStat: { Metric, Period: period, Stat: statistic } })),
  });
  const byId = new Map(reply.MetricDataResults.map((each) => [each.Id, each]));
  const series = shown.map((metric, i) => {
    const found = byId.get(`m${i}`);
    return { metric, points: (found?.Timestamps ?? []).map((at, n) => ({ at, value: found?.Values[n] ?? 0 })) };
  });
  return { series, from, to, period };
}

const WIDTH = 300;
const HEIGHT = 84;

function Plot({ series, plotted }: { series: Series; plotted: Plotted }) {
  const { metric, points } = series;
  const top = roundUp(Math.max(0, ...points.map((point) => point.value)));
  const frame = { from: plotted.from, to: plotted.to, width: WIDTH, height: HEIGHT };
  const last = points.at(-1);
  const x = (at: number) => ((at - frame.from) / (frame.to - frame.from)) * WIDTH;
  return (
    <figure class="plot" role="listitem">
      <figcaption>
        <strong>{metric.MetricName}</strong>
        <span class="number">{last ? short(last.value) : '–'}</span>
        <span class="faint wrap">{(metric.Dimensions ?? []).map((each) => `${each.Name} ${each.Value.split(':').at(-1)}`).join(' · ') || ' '}</span>
      </figcaption>
      <svg viewBox={`-34 -6 ${WIDTH + 40} ${HEIGHT + 22}`} role="img" aria-label={`${metric.MetricName}: ${points.length}`}>
        {[0, 0.5, 1].map((share) => (
          <g key={share} class="grid-line">
            <line x1={0} x2={WIDTH} y1={HEIGHT * (1 - share)} y2={HEIGHT * (1 - share)} />
            <text x={-5} y={HEIGHT * (1 - share) + 3} text-anchor="end">
              {short(top * share)}
            </text>
          </g>
        ))}
        <text class="axis-text" x={0} y={HEIGHT + 14}>
          −{duration(plotted.to - plotted.from)}
        </text>
        {points.length <= 120 && points.map((point) => <line key={point.at} class="plot-stem" x1={x(point.at)} x2={x(point.at)} y1={HEIGHT} y2={HEIGHT - (Math.max(0, point.value) / top) * HEIGHT} />)}
        <path class="plot-line" d={linePath(points, frame, top, plotted.period)} />
        {points.length <= 120 &&
          points.map((point) => (
            <circle key={point.at} class="plot-point" cx={x(point.at)} cy={HEIGHT - (Math.max(0, point.value) / top) * HEIGHT} r={2}>
              <title>{`${new Date(point.at * 1000).toISOString().slice(0, 16).replace('T', ' ')} UTC: ${point.value}`}</title>
            </circle>
          ))}
      </svg>
    </figure>
  );
}

interface Alarm {
  readonly AlarmName: string;
  readonly StateValue: string;
  readonly StateReason?: string;
  readonly StateUpdatedTimestamp?: number;
}

function Alarms() {
  const alarms = useLoaded(() => listAll<Alarm>('cloudwatch', 'DescribeAlarms', {}, 'MetricAlarms', 'NextToken'), []);
  useReloadOn(['alarm'], alarms.reload);
  return (
    <Panel title={t('Alarms')}>
      <Body loaded={alarms}>
        {(all) =>
          all.length === 0 ? (
            <Empty>{t('No alarms.')}</Empty>
          ) : (
            <ul class="rows">
              {all.map((each) => (
                <li key={each.AlarmName} class="row">
                  <Pill status={each.StateValue} />
                  <span class="row-name">
                    {each.AlarmName} <span class="faint block">{each.StateReason}</span>
                  </span>
                  <span class="row-time">{each.StateUpdatedTimestamp && <Time at={each.StateUpdatedTimestamp} />}</span>
                </li>
              ))}
            </ul>
          )
        }
      </Body>
    </Panel>
  );
}

function Plots({ all, namespace }: { all: readonly Metric[]; namespace: string }) {
  const { query } = place.value;
  const [, range, period] = RANGES.find(([label]) => label === query.get('range')) ?? (RANGES[0] as (typeof RANGES)[number]);
  const statistic = query.get('stat') ?? 'Sum';
  const words = (query.get('find') ?? '').toLowerCase();
  const wanted = all.filter((each) => each.Namespace === namespace && JSON.stringify(each).toLowerCase().includes(words));
  const loaded = useLoaded(() => readSeries(wanted, range, period, statistic), [namespace, range, statistic, words, all.length]);
  useReloadEvery(10_000, loaded.reload);
  return (
    <Body loaded={loaded}>
      {(plotted) => (
        <>
          <div class="plots" role="list">
            {plotted.series.map((series) => (
              <Plot key={JSON.stringify(series.metric)} series={series} plotted={plotted} />
            ))}
          </div>
          {wanted.length === 0 && <Empty>{t('Nothing matches.')}</Empty>}
          {wanted.length > PLOTS_MAX && <p class="faint">{t('The first {n} of {all}', { n: PLOTS_MAX, all: wanted.length })}</p>}
        </>
      )}
    </Body>
  );
}

export function Page() {
  const metrics = useLoaded(() => listAll<Metric>('cloudwatch', 'ListMetrics', {}, 'Metrics', 'NextToken', 3000), []);
  useReloadEvery(30_000, metrics.reload);
  const { query } = place.value;
  const all = metrics.value.value;
  const namespaces = [...new Set((all ?? []).map((each) => each.Namespace))].sort();
  const wanted = query.get('namespace') ?? '';
  const namespace = namespaces.includes(wanted) ? wanted : (namespaces.find((each) => each === 'AWS/States') ?? namespaces[0] ?? '');
  const set = (name: string) => (event: { currentTarget: { value: string } }) => setQuery({ [name]: event.currentTarget.value });
  return (
    <>
      <h1>{t('Metrics')}</h1>
      <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
        <select aria-label={t('Namespace')} value={namespace} onChange={set('namespace')}>
          {namespaces.map((each) => (
            <option key={each} value={each}>
              {each}
            </option>
          ))}
        </select>
        <select aria-label={t('Statistic')} value={query.get('stat') ?? 'Sum'} onChange={set('stat')}>
          {STATISTICS.map((each) => (
            <option key={each} value={each}>
              {each}
            </option>
          ))}
        </select>
        <select aria-label={t('Range')} value={query.get('range') ?? '1 h'} onChange={set('range')}>
          {RANGES.map(([label]) => (
            <option key={label} value={label}>
              {t('the last {time}', { time: label })}
            </option>
          ))}
        </select>
        <input type="search" data-search placeholder={`${t('search')}  /`} aria-label={t('search')} value={query.get('find') ?? ''} onInput={set('find')} />
      </form>
      {metrics.error.value !== undefined && <Problem error={metrics.error.value} retry={() => void metrics.reload()} />}
      {all?.length === 0 && <Empty>{t('No metrics yet. Executions, tasks, rules and PutMetricData make them.')}</Empty>}
      {all && namespace !== '' && <Plots all={all} namespace={namespace} />}
      <Alarms />
    </>
  );
}
