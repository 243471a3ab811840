// What a state made of its input, step by step, as changes from one step to the next.
import { useMemo, useState } from 'preact/hooks';
import { pretty } from '../format';
import { t, type Text } from '../i18n';
import { diffLines, hunksOf } from '../model/diff';
import { Code, CopyButton, Pill } from './ui';

const LINES_MAX = 400; // Of a diff that is shown.

/** A value as changes from the one before it, or whole. */
export function Change({ before, after }: { before: string; after: string }) {
  const [whole, setWhole] = useState(false);
  const [from, to] = [pretty(before), pretty(after)];
  const { hunks, rest } = useMemo(() => hunksOf(diffLines(from, to)), [from, to]);
  const shown = hunks.reduce((sum, hunk) => sum + hunk.lines.length, 0);
  if (whole || shown > LINES_MAX || shown === 0) return <Code text={after} />;
  return (
    <div class="code">
      <pre class="diff" tabIndex={0}>
        {hunks.map((hunk, i) => (
          <span key={i}>
            {hunk.skipped > 0 && <span class="faint">{`⋯ ${t('{n} lines as before', { n: hunk.skipped })}\n`}</span>}
            {hunk.lines.map((line, n) => (
              <span key={n} class={`diff-${line.kind}`}>
                {`${line.kind === 'added' ? '+' : line.kind === 'removed' ? '−' : ' '} ${line.text}\n`}
              </span>
            ))}
          </span>
        ))}
        {rest > 0 && <span class="faint">{`⋯ ${t('{n} lines as before', { n: rest })}`}</span>}
      </pre>
      <div class="code-tools">
        <button type="button" class="quiet" onClick={() => setWhole(true)}>
          {t('Show all')}
        </button>
        <CopyButton text={to} />
      </div>
    </div>
  );
}

interface StepProps {
  readonly title: string;
  readonly value: string | undefined;
  readonly before?: string | undefined;
  readonly shapes?: readonly string[] | undefined; // Fields of the definition that shape it.
  readonly source?: Readonly<Record<string, unknown>> | undefined; // The state's definition: expressions are shown beside the value.
}

export function Step({ title, value, before, shapes = [], source }: StepProps) {
  if (value === undefined) return null;
  const same = before !== undefined && pretty(before) === pretty(value);
  const fields = shapes.filter((shape) => source?.[shape] !== undefined);
  const written = source && fields.length > 0 ? JSON.stringify(Object.fromEntries(fields.map((field) => [field, source[field]]))) : undefined;
  return (
    <details open={!same} class="step">
      <summary>
        {title}
        {(source ? fields : shapes).map((shape) => (
          <span key={shape} class="tag">
            {shape}
          </span>
        ))}
        {same && <span class="faint">{t('no change')}</span>}
      </summary>
      <div class={written ? 'beside' : ''}>
        {written && (
          <div>
            <p class="faint">{t('as written')}</p>
            <Code text={written} />
          </div>
        )}
        <div>
          {written && <p class="faint">{t('as it came out')}</p>}
          {same || before === undefined ? <Code text={value} /> : <Change before={before} after={value} />}
        </div>
      </div>
    </details>
  );
}

// The members of TestState's inspectionData in the order of the steps.
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_InspectionData.html
const STAGES: readonly (readonly [string, Text, readonly string[]])[] = [
  ['input', 'State input', []],
  ['afterInputPath', 'After InputPath', ['InputPath']],
  ['afterParameters', 'After Parameters', ['Parameters']],
  ['afterArguments', 'After Arguments', ['Arguments']],
  ['afterItemsPath', 'After ItemsPath', ['ItemsPath', 'Items']],
  ['afterItemSelector', 'After ItemSelector', ['ItemSelector']],
  ['result', 'Result', ['Result']],
  ['afterResultSelector', 'After ResultSelector', ['ResultSelector']],
  ['afterResultPath', 'After ResultPath', ['ResultPath']],
  ['variables', 'Variables in scope', ['Assign']],
];

/** A reply of TestState with its inspection. `source`: the state's definition. */
export function Steps({ reply, source }: { reply: Readonly<Record<string, unknown>>; source?: Readonly<Record<string, unknown>> }) {
  const data = (reply.inspectionData ?? {}) as Readonly<Record<string, unknown>>;
  const text = (value: unknown) => (typeof value === 'string' ? value : value === undefined ? undefined : JSON.stringify(value));
  let before: string | undefined;
  const stages = STAGES.flatMap(([member, title, shapes]) => {
    const value = text(data[member]);
    if (value === undefined) return [];
    const step = <Step key={member} title={t(title)} value={value} before={member === 'variables' ? undefined : before} shapes={shapes} source={source} />;
    if (member !== 'variables') before = value;
    return [step];
  });
  return (
    <>
      {typeof reply.error === 'string' && (
        <div class="failure">
          <strong>{reply.error}</strong>
          <Code text={String(reply.cause ?? '')} />
        </div>
      )}
      {stages}
      <Step title={t('State output')} value={text(reply.output)} before={before} shapes={['OutputPath', 'Output']} source={source} />
      {reply.status === 'RETRIABLE' && <Pill status="PENDING_REDRIVE" words={t('It would be retried.')} />}
    </>
  );
}
