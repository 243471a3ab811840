// Answers each line {"expr", "data"} as `kiban jsonata eval` does, by jsonata-js.
const jsonata = require('jsonata');
const readline = require('readline');

const unnamed = { code: 'none' }; // An exception of JavaScript's own.

async function answer({ expr, data }) {
  try {
    const result = await jsonata(expr).evaluate(data);
    if (result === undefined || typeof result === 'function') return { undefined: true };
    return { result };
  } catch (error) {
    if (!error.code) return { error: { ...unnamed, message: String(error.message) } };
    const { code, token, position, message } = error;
    return { error: { code, token, position, message } };
  }
}

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    let text;
    try {
      text = JSON.stringify(await answer(JSON.parse(line)));
    } catch (error) {
      text = JSON.stringify({ error: { ...unnamed, message: String(error.message) } });
    }
    process.stdout.write(`${text}\n`);
  }
})();
