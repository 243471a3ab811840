// node ask.mjs CLIENT COMMAND JSON   one call by the AWS SDK for JavaScript; prints the reply as JSON
const [client, command, input] = process.argv.slice(2);
const sdk = await import(`@aws-sdk/client-${client}`);
const [Client] = Object.entries(sdk).find(([name]) => name.endsWith('Client') && !name.startsWith('__')).slice(1);
const revive = (_, value) => (/^\d{4}-\d\d-\d\dT/.test(value) ? new Date(value) : value);
const reply = await new Client({}).send(new sdk[command](JSON.parse(input, revive)));
delete reply.$metadata;
console.log(JSON.stringify(reply));
