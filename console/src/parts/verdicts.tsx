// What the authoriser refused to this execution.
import { ApiError, ownLines } from '../api';
import { t } from '../i18n';
import type { Decision } from '../model/access';
import { url } from '../router';
import { Explained, Verdict } from './decision';
import { Live } from './listing';

const SHOWN_MAX = 5;

async function load(execution: string): Promise<Decision[]> {
  try {
    return (await ownLines<Decision>('decisions?denied=true')).filter((each) => each.actsFor === execution).slice(-SHOWN_MAX);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return []; // No record is kept.
    throw error;
  }
}

export function Verdicts({ execution }: { execution: string }) {
  return (
    <Live load={() => load(execution)} keys={[execution]} kinds={['execution']}>
      {(all) => (
        <>
          {all.map((decision) => (
            <section key={decision.id} class="verdict" aria-label={t('Decision')}>
              <h3>
                <a href={url('iam', { id: decision.id })}>{decision.action}</a> <Verdict decision={decision} />
              </h3>
              <p class="faint wrap">
                {decision.principal} → {decision.resource}
              </p>
              <Explained decision={decision} />
            </section>
          ))}
        </>
      )}
    </Live>
  );
}
