// A Node HTTP client with an exact log. client.js PORT LOG COUNT: COUNT requests over 4 keep-alive connections.
// Log: local port, connection, sequence, method, target, user agent, trace id or "-", status.
'use strict';
const fs = require('fs');
const http = require('http');

const [port, logPath, count] = [Number(process.argv[2]), process.argv[3], Number(process.argv[4])];
const log = fs.openSync(logPath, 'w');
const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
const statuses = [200, 404, 503];
let next = 0;
let open = 0;

function send() {
  if (next === count) {
    if (open === 0) process.exit(0);
    return;
  }
  const number = next++;
  open += 1;
  const target = `/s/${statuses[number % 3]}/node-${process.pid}-${number}`;
  const userAgent = `node-client/${process.pid}.${number}`;
  const method = number % 5 === 4 ? 'POST' : 'GET';
  const request = http.request({ port, host: '127.0.0.1', path: target, method, agent, headers: { 'User-Agent': userAgent } },
    (response) => {
      const local = response.socket.localPort;
      response.resume();
      response.on('end', () => {
        fs.writeSync(log, [local, 0, number, method, target, userAgent, '-', response.statusCode].join('\t') + '\n');
        open -= 1;
        send();
      });
    });
  request.on('error', (error) => { console.error(error.message); process.exit(1); });
  request.end(method === 'POST' ? 'x'.repeat(number * 13 % 3000) : undefined);
}
for (let i = 0; i < 8; ++i) send();
