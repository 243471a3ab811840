// A Restate workflow of ten durable steps, started over HTTP at Restate's ingress:
//   node restate.mjs SERVICE_PORT INGRESS_PORT ADMIN_PORT SECONDS
// Prints JSON: runs per second with 64 at a time, and the median of runs one at a time.
import * as restate from "@restatedev/restate-sdk";

// The SDK uses this function, which Node.js has from version 22 on.
Promise.withResolvers ??= function () {
  let resolve, reject;
  const promise = new Promise((a, b) => ([resolve, reject] = [a, b]));
  return { promise, resolve, reject };
};

const [servicePort, ingressPort, adminPort, seconds] = process.argv.slice(2).map(Number);

const ten = restate.service({
  name: "ten",
  handlers: {
    run: async (context) => {
      for (let step = 0; step < 10; ++step) await context.run(`s${step}`, () => ({}));
      return "SUCCEEDED";
    },
  },
});
await restate.endpoint().bind(ten).listen(servicePort);

const post = async (url, body) => {
  const reply = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await reply.text();
  if (!reply.ok) throw new Error(`${reply.status} ${text}`);
  return text;
};
await post(`http://127.0.0.1:${adminPort}/deployments`, { uri: `http://127.0.0.1:${servicePort}` });
const once = () => post(`http://127.0.0.1:${ingressPort}/ten/run`, {});

for (let i = 0; i < 20; ++i) await once();
const latencies = [];
const alone = performance.now();
while (performance.now() - alone < seconds * 1000) {
  const began = performance.now();
  await once();
  latencies.push(performance.now() - began);
}
let done = 0;
const together = performance.now();
await Promise.all(
  Array.from({ length: 64 }, async () => {
    while (performance.now() - together < seconds * 1000) {
      await once();
      ++done;
    }
  }),
);
const spent = (performance.now() - together) / 1000;
latencies.sort((a, b) => a - b);
console.log(JSON.stringify({ ten: done / spent, single: latencies[latencies.length >> 1] }));
process.exit(0);
