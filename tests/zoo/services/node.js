// A service of the zoo on one event loop: node.js BACKEND_PORT WORK keep|new [localhost]
// WORK names what a request does before it is answered; `mix` takes one of them by the request's own number.
'use strict';
const fs = require('fs');
const http = require('http');

const [backend, work, pooling, host = '127.0.0.1'] = process.argv.slice(2);
const agent = new http.Agent({ keepAlive: pooling === 'keep', maxSockets: work === 'max' ? 5 : Infinity });

function call(truth, { path = '/b', limit = 0 } = {}) {
  return new Promise((resolve) => {
    const headers = truth ? { 'X-Gt': truth } : {};
    const request = http.get({ host, port: backend, path, headers, agent }, (response) => {
      response.resume();
      response.on('end', resolve);
      response.on('error', resolve);
    });
    request.on('error', resolve);
    if (limit) request.setTimeout(limit, () => request.destroy());
  });
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const pause = () => sleep(1 + Math.random() * 5);
const immediate = () => new Promise(setImmediate);

const works = {
  one: (truth) => call(`${truth}/0`),
  two: async (truth) => { await call(`${truth}/0`); await call(`${truth}/1`); },
  all: (truth) => Promise.all([call(`${truth}/0`), call(`${truth}/1`)]),
  max: (truth) => call(`${truth}/0`),
  fs: async (truth) => { await fs.promises.readFile(__filename); await call(`${truth}/0`); },
  sleep: async (truth) => { await pause(); await call(`${truth}/0`); },
  sleepafter: async (truth) => { await call(`${truth}/0`); await pause(); },
  immediate: async (truth) => { await immediate(); await call(`${truth}/0`); },
  none: async () => {},
  // Jobs that no request caused call the backend all the time, without a truth: any link of theirs is wrong.
  bg: (truth) => call(`${truth}/0`),
  // The request is answered at once; what it asked for goes on behind it.
  outlive: async (truth) => { setTimeout(() => call(`${truth}/0`), 2 + Math.random() * 6); },
  faults: async (truth) => {
    await call(`${truth}/0`, { path: '/b/error' });
    await call(`${truth}/1`, { path: '/b/slow', limit: 15 });
    await call(`${truth}/2`, { path: '/b/reset' });
    await call(`${truth}/3`);
  },
  fetch: async (truth) => {
    for (const k of [0, 1]) {
      const answer = await fetch(`http://${host}:${backend}/b`, { headers: { 'X-Gt': `${truth}/${k}` } });
      await answer.text();
    }
  },
};
const mixed = ['one', 'two', 'all', 'sleep', 'immediate', 'sleepafter', 'fs', 'none'];
works.mix = (truth) => works[mixed[Number(truth.split('.')[1]) % mixed.length]](truth);

// Set up by no request, and quiet until there is one: before the capture nothing is called.
let busy = false;
if (work === 'bg') setInterval(() => busy && call(null), 3);

const server = http.createServer(async (request, response) => {
  busy = true;
  await works[work](request.headers['x-gt']);
  response.end('ok\n');
});
server.keepAliveTimeout = 60000;
server.listen({ port: 0, host: '127.0.0.1', backlog: 1024 }, () => console.log('listening', server.address().port));
