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
const seconds = 5;

async function rate(definition, input, transitions) {
  const machine = new StateMachine(definition, { validationOptions: { noValidate: true } });
  await machine.run(input).result;
  const started = performance.now();
  let runs = 0;
  while (performance.now() - started < seconds * 1000) {
    await machine.run(input).result;
    runs++;
  }
  return (runs * transitions) / ((performance.now() - started) / 1000);
}

(async () => {
  const out = {
    pass_chain: await rate(chain, { order: 7 }, count),
    counting_loop: await rate(loop, { n: 0 }, 2 * count),
  };
  console.log(JSON.stringify(out));
})();
