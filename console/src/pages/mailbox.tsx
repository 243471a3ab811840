// The local mailbox: what SNS mails to its subscribers, as `kiban mail` shows it.
import { own } from '../api';
import { t } from '../i18n';
import { Facts, Live, Split, Table } from '../parts/listing';
import { useReloadEvery } from '../parts/reload';
import { Body } from '../parts/listing';
import { Panel, Time, useLoaded } from '../parts/ui';
import { place } from '../router';

interface Mail {
  readonly number: number;
  readonly date: string;
  readonly to: string;
  readonly from?: string;
  readonly subject: string;
  readonly body?: string;
  readonly text?: string;
}

interface Box {
  readonly smtp: string | null;
  readonly mails: readonly Mail[];
}

const seconds = (date: string) => (Number.isNaN(Date.parse(date)) ? 0 : Date.parse(date) / 1000);

/** Links stay text: what a mail names is another host, or this server's answer to a subscriber. */
function MailDetail({ number }: { number: string }) {
  return (
    <Live load={() => own<Mail>(`mail/${number}`)} keys={[number]}>
      {(mail) => (
        <Panel title={mail.subject}>
          <div class="detail">
            <Facts
              facts={[
                ['to', mail.to],
                ['from', mail.from],
                ['sent', seconds(mail.date) > 0 ? <Time key="s" at={seconds(mail.date)} both /> : mail.date],
              ]}
            />
            <pre class="log mail" tabIndex={0}>
              {mail.body}
            </pre>
            <details class="step">
              <summary>{t('The whole message')}</summary>
              <pre class="log" tabIndex={0}>
                {mail.text}
              </pre>
            </details>
          </div>
        </Panel>
      )}
    </Live>
  );
}

export function Page() {
  const id = place.value.query.get('id') ?? '';
  const box = useLoaded(() => own<Box>('mail'), []);
  useReloadEvery(3000, box.reload);
  return (
    <>
      <h1>{t('Mailbox')}</h1>
      <Body loaded={box}>
        {({ smtp, mails }) => (
          <>
            {smtp !== null && <p class="faint">{t('Mails are sent by {server}; the mailbox keeps none.', { server: smtp })}</p>}
            <Split
              list={
                <Table
                  title="Mails"
                  rows={[...mails].reverse()}
                  keyOf={(each) => String(each.number)}
                  words={(each) => `${each.to} ${each.subject}`}
                  empty={t('No mail. A topic with an e-mail subscription writes here.')}
                  columns={[
                    { title: 'subject', cell: (each) => each.subject },
                    { title: 'to', cell: (each) => <span class="wrap">{each.to}</span> },
                    { title: 'sent', cell: (each) => (seconds(each.date) > 0 ? <Time at={seconds(each.date)} /> : each.date), wide: true },
                  ]}
                />
              }
              detail={id && <MailDetail key={id} number={id} />}
            />
          </>
        )}
      </Body>
    </>
  );
}
