// One decision of the authoriser: its verdict, why, and what would allow it.
import { t, type Text } from '../i18n';
import { cdkFor, isDenied, policyFor, type Decision } from '../model/access';
import { Code, Pill } from './ui';

export function Verdict({ decision }: { decision: Decision }) {
  const words: Text = decision.verdict === 'Allowed' ? 'allowed' : decision.verdict === 'ExplicitlyDenied' ? 'denied by a statement' : 'not allowed';
  return (
    <span class="nowrap">
      <Pill status={isDenied(decision) ? 'FAILED' : 'SUCCEEDED'} words={t(words)} />
      {decision.enforced === false && isDenied(decision) && <span class="tag">{t('observed, not enforced')}</span>}
    </span>
  );
}

const MISSING: Record<string, Text> = {
  identity: 'No policy of the role allows it.',
  resource: "The resource's policy does not allow it.",
  boundary: 'The permissions boundary does not allow it.',
  session: 'The policy of the session does not allow it.',
};

/** Why it was decided so, and what would allow it. */
export function Explained({ decision }: { decision: Decision }) {
  const wanted = [decision];
  const fixable = decision.verdict === 'ImplicitlyDenied' && (decision.missing ?? []).includes('identity');
  return (
    <>
      {decision.text && <div class="failure">{decision.text}</div>}
      {(decision.missing ?? []).map((each) => (
        <p key={each}>{MISSING[each] ? t(MISSING[each] as Text) : each}</p>
      ))}
      {(decision.statements ?? []).length > 0 && (
        <>
          <h3>{t('Statements that decided')}</h3>
          <ul class="rows">
            {(decision.statements ?? []).map((each, i) => (
              <li key={i} class="row">
                <span class="row-name wrap">{each.policy}</span>
                <span class="tag">{each.sid || `#${each.index}`}</span>
              </li>
            ))}
          </ul>
        </>
      )}
      {fixable && (
        <>
          <h3>{t('The smallest policy that allows it')}</h3>
          <Code text={JSON.stringify(policyFor(wanted))} />
          <h3>{t('In CDK')}</h3>
          <Code text={cdkFor(wanted)} />
        </>
      )}
      {decision.verdict === 'ExplicitlyDenied' && <p>{t('A statement with Effect Deny decided: no further permission helps until it is changed.')}</p>}
    </>
  );
}
