// What a state is made of: the iterations of a Map, the children of a Map run, a nested execution.
import { useEffect, useState } from 'preact/hooks';
import { call } from '../api';
import { t, type Text } from '../i18n';
import { iterationsOf, type Visit } from '../model/history';
import { ExecutionRows, useReloadOn } from '../pages/overview';
import { url } from '../router';
import type { ExecutionsPageReply } from '../states';
import { Problem } from './ui';

const ITERATIONS_MAX = 1000;
const CHILDREN_MAX = 25;

/** One square for each iteration; it leads to the state that tells most. */
export function Iterations({ visits, map, onVisit }: { visits: readonly Visit[]; map: Visit; onVisit: (visit: Visit) => void }) {
  const all = iterationsOf(visits, map);
  if (all.length === 0) return null;
  return (
    <section aria-label={t('Iterations')}>
      <h3>
        {t('Iterations')} <span class="faint">{all.length}</span>
      </h3>
      <div class="squares">
        {all.slice(0, ITERATIONS_MAX).map((each) => (
          <button
            key={each.index}
            type="button"
            class={each.status}
            aria-label={`${t('iteration {n}', { n: each.index })}, ${t(each.status as Text)}`}
            title={`#${each.index} ${each.shown.name} · ${t(each.status as Text)}`}
            onClick={() => onVisit(each.shown)}
          />
        ))}
      </div>
      {all.length > ITERATIONS_MAX && <p class="faint">{t('The first {n} of {all}', { n: ITERATIONS_MAX, all: all.length })}</p>}
    </section>
  );
}

interface MapRun {
  readonly status: string;
  readonly itemCounts: Readonly<Record<string, number>>;
}

/** Of a distributed Map: how many items came to what, and its newest children. */
export function MapRunPart({ arn }: { arn: string }) {
  const [found, setFound] = useState<{ run: MapRun; children: ExecutionsPageReply } | undefined>();
  const [error, setError] = useState<unknown>();
  const read = async () => {
    try {
      const [run, children] = await Promise.all([
        call<MapRun>('states', 'DescribeMapRun', { mapRunArn: arn }),
        call<ExecutionsPageReply>('states', 'ListExecutions', { mapRunArn: arn, maxResults: CHILDREN_MAX }),
      ]);
      setFound({ run, children });
      setError(undefined);
    } catch (failure) {
      setError(failure);
    }
  };
  useEffect(() => void read(), [arn]);
  useReloadOn(['execution'], read, 1500);
  if (error !== undefined) return <Problem error={error} retry={() => void read()} />;
  if (!found) return null;
  const counts = Object.entries(found.run.itemCounts).filter(([name, count]) => count > 0 && /^(total|pending|running|succeeded|failed|timedOut|aborted)$/.test(name));
  return (
    <section aria-label={t('Map run')}>
      <h3>
        {t('Map run')} <span class="tag">{found.run.status}</span>
      </h3>
      <p class="faint">{counts.map(([name, count]) => `${name} ${count}`).join(' · ')}</p>
      <ExecutionRows executions={found.children.executions} />
      {found.children.nextToken && <p class="faint">{t('The newest {n}', { n: CHILDREN_MAX })}</p>}
    </section>
  );
}

/** A link to the execution that a payload names. */
export function NestedExecution({ payloads }: { payloads: readonly (string | undefined)[] }) {
  const arn = payloads.map((each) => /"[eE]xecutionArn":\s*"(arn:[^"]+:execution:[^"]+)"/.exec(each ?? '')?.[1]).find(Boolean);
  if (!arn) return null;
  return (
    <p>
      {t('Nested execution')} <a href={url(`executions/${arn}`)}>{arn.split(':').slice(6).join(':')}</a>
    </p>
  );
}
