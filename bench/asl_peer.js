// The machines of engine/asl/interpreter_bench.cc in aws-local-stepfunctions: transitions a second.
const { StateMachine } = require('aws-local-stepfunctions');

const count = 1000;
const states = {};
for (let i = 0; i < count; i++) {
  states[`S${i}`] = { Type: 'Pass', ...(i + 1 < count ? { Next: `S${i + 1}` } : { End: true }) };
}
const chain = { StartAt: 'S0', States: states };
const loop = {
  StartAt: 'Add',
  States: {
    Add: { Type: 'Pass', Parameters: { 'n.$': 'States.MathAdd($.n, 1)' }, Next: 'More' },
    More: {
      Type: 'Choice',
      Choices: [{ Variable: '$.n', NumericLessThan: count, Next: 'Add' }],
      Default: 'Done',
    },
    Done: { Type: 'Succeed' },
  },
};
// Of CPU, all threads of the process, so that what else runs on the machine matters less.
const cpuSeconds = () => {
  const used = process.cpuUsage();
  return (used.user + used.system) / 1e6;
};
const seconds = 5;

async function rate(definition, input, transitions) {
  const machine = new StateMachine(definition, { validationOptions: { noValidate: true } });
  await machine.run(input).result;
  const started = cpuSeconds();
  let runs = 0;
  while (cpuSeconds() - started < seconds) {
    await machine.run(input).result;
    runs++;
  }
  return (runs * transitions) / (cpuSeconds() - started);
}

(async () => {
  const out = {
    pass_chain: await rate(chain, { order: 7 }, count),
    counting_loop: await rate(loop, { n: 0 }, 2 * count),
  };
  console.log(JSON.stringify(out));
})();
