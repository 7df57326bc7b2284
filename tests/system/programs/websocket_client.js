// A WebSocket client by `ws`; arguments and behaviour are those of websocket_client.py.
'use strict';
const assert = require('assert');
const readline = require('readline');
const WebSocket = require('/usr/share/nodejs/ws');

const [port, deflate] = [Number(process.argv[2]), process.argv[3] === 'on'];
const socket = new WebSocket(`ws://127.0.0.1:${port}/chat?key=secret`, { perMessageDeflate: deflate ? { threshold: 0 } : false });
const waiting = [];
const received = [];

function next() {
  return new Promise((resolve) => {
    if (received.length > 0) resolve(received.shift());
    else waiting.push(resolve);
  });
}
socket.on('message', (data, isBinary) => {
  const message = isBinary ? data : data.toString();
  if (waiting.length > 0) waiting.shift()(message);
  else received.push(message);
});
socket.on('error', (error) => { console.error(error.message); process.exit(1); });

async function sendRound() {
  for (const message of ['hello', 'ä'.repeat(700), Buffer.from([0, 255, 0, 255, 0, 255, 0, 255, 0, 255]), Buffer.alloc(2000, 'b')]) {
    socket.send(message);
    assert.deepStrictEqual(await next(), message);
  }
  for (const [part, fin] of [['in ', false], ['three ', false], ['parts', true]]) socket.send(part, { fin });
  assert.strictEqual(await next(), 'in three parts');
  for (const message of ['x'.repeat(200000), Buffer.alloc(70000, 'y')]) {
    socket.send(message);
    assert.deepStrictEqual(await next(), message);
  }
  const pong = new Promise((resolve) => { socket.once('pong', resolve); });
  socket.ping('are you there');
  await pong;
  socket.send('push 5');
  for (let i = 0; i < 5; ++i) assert.strictEqual(await next(), `pushed ${i}`);
  assert.strictEqual(await next(), 'push 5');
}

socket.on('open', async () => {
  let rounds = 0;
  console.log('connected');
  for await (const line of readline.createInterface({ input: process.stdin })) {
    if (line) await sendRound();
    console.log(`done ${++rounds}`);
  }
  socket.on('close', () => process.exit(0));
  socket.close(1000);
});
