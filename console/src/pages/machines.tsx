// All state machines, or the definition of one.
import { t } from '../i18n';
import { Live, Table } from '../parts/listing';
import { place, url } from '../router';
import { listMachines } from '../states';
import { Page as MachinePage } from './machine';

export function Page() {
  const [, name] = place.value.path.split('/');
  if (name) return <MachinePage key={name} />;
  return (
    <>
      <h1>{t('State machines')}</h1>
      <Live load={listMachines} kinds={['machine']}>
        {(all) => (
          <Table
            title="State machines"
            rows={all}
            keyOf={(each) => each.name}
            link={(each) => url(`machines/${each.name}`)}
            empty={t('No state machine yet. Deploy one, for example with ./run or cdk deploy.')}
            columns={[
              { title: 'name', cell: (each) => each.name },
              { title: 'type', cell: (each) => each.type },
              { title: 'executions', cell: (each) => <a href={url('executions', { machine: each.name })}>{t('Show')}</a> },
            ]}
          />
        )}
      </Live>
    </>
  );
}
