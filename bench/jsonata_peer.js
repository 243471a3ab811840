// The expressions and the data of engine/jsonata/jsonata_bench.cc in jsonata-js: runs a second.
const jsonata = require('jsonata');

const data = {
  customer: { name: 'Mika', address: { city: 'Tokyo' } },
  items: Array.from({ length: 100 }, (_, i) => ({
    id: i,
    name: `item ${i}`,
    price: (i * 37) % 101,
    count: i % 7,
    tags: ['a', 'b'],
  })),
};
const filterAndSum = '$sum(items[price > 50].(price * count))';
const expressions = {
  'evaluate/path': 'customer.address.city',
  'evaluate/filter_and_sum': filterAndSum,
  'evaluate/strings': "$uppercase(customer.name) & '-' & $substring(customer.address.city, 0, 3)",
  'evaluate/objects': "items.{'id': id, 'total': price * count}",
  'evaluate/map': '$map(items, function($i) { $i.price * 2 })',
  'evaluate/sort': '$sort(items, function($a, $b) { $a.price > $b.price })',
  'evaluate/reduce': '$reduce(items.price, function($a, $b) { $a + $b })',
};
// Of CPU, all threads of the process, so that what else runs on the machine matters less.
const cpuSeconds = () => {
  const used = process.cpuUsage();
  return (used.user + used.system) / 1e6;
};
const seconds = 1.5;

async function rate(run) {
  for (let i = 0; i < 50; i++) await run();
  const started = cpuSeconds();
  let count = 0;
  while (cpuSeconds() - started < seconds) {
    for (let i = 0; i < 10; i++) await run();
    count += 10;
  }
  return count / (cpuSeconds() - started);
}

(async () => {
  const out = {};
  for (const [name, text] of Object.entries(expressions)) {
    const expression = jsonata(text);
    out[name] = await rate(() => expression.evaluate(data));
  }
  out['parse/filter_and_sum'] = await rate(() => jsonata(filterAndSum));
  console.log(JSON.stringify(out));
})();
