// The loop of a Node.js function: asks the Runtime API for invocations and hands them to the handler.
// docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html, nodejs-handler.html, nodejs-logging.html
'use strict';
const http = require('node:http');
const fs = require('node:fs');
const path = require('node:path');
const util = require('node:util');
const { createRequire } = require('node:module');
const { pathToFileURL } = require('node:url');

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const taskRoot = process.env.LAMBDA_TASK_ROOT;
const json = process.env.AWS_LAMBDA_LOG_FORMAT === 'JSON';
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const base = '/2018-06-01/runtime/';
let requestId; // Of the invocation that runs.

function call(method, target, body, headers) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host, port, agent, method, path: base + target, headers }, (reply) => {
      const pieces = [];
      reply.on('data', (piece) => pieces.push(piece));
      reply.on('end', () => resolve({ status: reply.statusCode, headers: reply.headers, body: Buffer.concat(pieces) }));
      reply.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

function post(target, document, headers = {}) {
  const body = Buffer.from(document);
  return call('POST', target, body, { 'Content-Type': 'application/json', 'Content-Length': body.length, ...headers });
}

// Level names as AWS prints them.
const levels = { trace: 'TRACE', debug: 'DEBUG', log: 'INFO', info: 'INFO', warn: 'WARN', error: 'ERROR' };

function write(level, message) {
  const now = new Date().toISOString();
  const line = json
    ? JSON.stringify({ timestamp: now, level, requestId, message })
    : `${now}\t${requestId ?? 'undefined'}\t${level}\t${message}`;
  process.stdout.write(line.replaceAll('\n', '\r') + '\n'); // One event: the host reads \r as \n.
}

for (const [method, level] of Object.entries(levels)) {
  console[method] = (...values) => write(level, util.format(...values));
}

function describe(error) {
  if (error instanceof Error || util.types.isNativeError(error)) {
    return {
      errorType: error.name,
      errorMessage: error.message,
      trace: (error.stack ?? '').split('\n'),
    };
  }
  return { errorType: typeof error, errorMessage: String(error), trace: [] };
}

function named(name, message) {
  const error = new Error(message);
  error.name = name;
  return error;
}

function logError(title, error) {
  const described = describe(error);
  write('ERROR', `${title}\t${JSON.stringify({ ...described, trace: undefined, stack: described.trace })}`);
}

const importError = 'Runtime.ImportModuleError';

function findModule(name) {
  const whole = path.resolve(taskRoot, name);
  for (const ending of ['', '.js', '.mjs', '.cjs']) {
    if (fs.existsSync(whole + ending) && fs.statSync(whole + ending).isFile()) return whole + ending;
  }
  if (fs.existsSync(whole)) return createRequire(path.join(taskRoot, 'x')).resolve(whole); // A package.
  throw named(importError, `Error: Cannot find module '${path.basename(name)}'\nRequire stack:\n- ${taskRoot}`);
}

async function loadModule(file) {
  if (!file.endsWith('.mjs')) {
    try {
      return createRequire(path.join(taskRoot, 'x'))(file);
    } catch (error) {
      if (error.code !== 'ERR_REQUIRE_ESM' && error.code !== 'ERR_REQUIRE_ASYNC_MODULE') throw error;
    }
  }
  return import(pathToFileURL(file).href);
}

async function loadHandler(name) {
  const match = /^(.*?)([^./]+)\.(.+)$/.exec(name);
  if (!match) throw named('Runtime.MalformedHandlerName', `Bad handler ${name}`);
  const file = findModule(match[1] + match[2]);
  let module;
  try {
    module = await loadModule(file);
  } catch (error) {
    if (error instanceof SyntaxError) throw named('Runtime.UserCodeSyntaxError', `SyntaxError: ${error.message}`);
    if (error?.code === 'MODULE_NOT_FOUND' || error?.code === 'ERR_MODULE_NOT_FOUND')
      throw named(importError, `Error: ${error.message}`);
    throw error;
  }
  let found = module;
  for (const part of match[3].split('.')) found = found?.[part] ?? module.default?.[part];
  if (typeof found !== 'function')
    throw named('Runtime.HandlerNotFound', `${name} is undefined or not exported`);
  return found;
}

globalThis.awslambda = {
  streamifyResponse() {
    throw named('Runtime.NotImplemented', 'kiban does not serve response streaming (awslambda.streamifyResponse)');
  },
};

function makeContext(headers) {
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  const client = headers['lambda-runtime-client-context'];
  const identity = headers['lambda-runtime-cognito-identity'];
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    clientContext: client ? JSON.parse(client) : undefined,
    identity: identity ? JSON.parse(identity) : undefined,
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

// Resolves with what the handler returns, or hands to its callback. With
// callbackWaitsForEmptyEventLoop a callback's result is sent once nothing waits any more.
function run(handler, event, context) {
  return new Promise((resolve, reject) => {
    const finish = (settle) => (value) => {
      if (!context.callbackWaitsForEmptyEventLoop) return settle(value);
      process.once('beforeExit', () => settle(value));
    };
    const succeed = finish(resolve);
    const failWith = finish(reject);
    const callback = (error, value) => (error ? failWith(error) : succeed(value));
    Object.assign(context, {
      done: callback,
      succeed: (value) => callback(null, value),
      fail: (error) => callback(error ?? named('Error', 'handled')),
    });
    const returned = handler(event, context, callback);
    if (typeof returned?.then === 'function') returned.then(resolve, reject);
    else if (returned !== undefined && handler.length < 3) resolve(returned);
    else if (handler.length < 3 && handler.constructor.name !== 'AsyncFunction') succeed(returned);
  });
}

function fatal(type, error) {
  const described = { ...describe(error), errorType: type };
  logError(type === 'Runtime.UnhandledPromiseRejection' ? 'Unhandled Promise Rejection' : 'Uncaught Exception', error);
  const target = requestId ? `invocation/${requestId}/error` : 'init/error';
  post(target, JSON.stringify(described), { 'Lambda-Runtime-Function-Error-Type': type }).finally(() => process.exit(128));
}

async function invoke(handler, invocation) {
  requestId = invocation.headers['lambda-runtime-aws-request-id'];
  const trace = invocation.headers['lambda-runtime-trace-id'];
  if (trace) process.env._X_AMZN_TRACE_ID = trace;
  else delete process.env._X_AMZN_TRACE_ID;
  let document;
  try {
    const result = await run(handler, JSON.parse(invocation.body), makeContext(invocation.headers));
    document = JSON.stringify(result === undefined ? null : result) ?? 'null';
  } catch (error) {
    logError('Invoke Error', error);
    const described = describe(error);
    await post(`invocation/${requestId}/error`, JSON.stringify(described), {
      'Lambda-Runtime-Function-Error-Type': described.errorType,
    });
    return;
  }
  await post(`invocation/${requestId}/response`, document);
}

async function main() {
  process.on('uncaughtException', (error) => fatal(error?.name ?? 'Error', error));
  process.on('unhandledRejection', (error) => {
    const reason = describe(error);
    fatal('Runtime.UnhandledPromiseRejection', named('Runtime.UnhandledPromiseRejection', `${reason.errorType}: ${reason.errorMessage}`));
  });
  let handler;
  try {
    handler = await loadHandler(process.env._HANDLER);
  } catch (error) {
    logError('Uncaught Exception', error);
    const described = describe(error);
    await post('init/error', JSON.stringify(described), { 'Lambda-Runtime-Function-Error-Type': described.errorType });
    process.exit(1);
  }
  for (;;) {
    const invocation = await call('GET', 'invocation/next');
    if (invocation.status !== 200) process.exit(1);
    await invoke(handler, invocation);
    requestId = undefined;
  }
}

main().catch(() => process.exit(1)); // The host has gone.
