// An ordinary Node HTTP service with an exact log. server.js LOG: prints `listening PORT`; /s/STATUS/ID answers STATUS.
// Log: peer port, method, target, user agent, body bytes, status.
'use strict';
const fs = require('fs');
const http = require('http');

const log = fs.openSync(process.argv[2], 'w');
const server = http.createServer((request, response) => {
  let body = 0;
  request.on('data', (chunk) => { body += chunk.length; });
  request.on('end', () => {
    const parts = request.url.split('/');
    const status = parts[1] === 's' ? Number(parts[2]) : 404;
    fs.writeSync(log, [request.socket.remotePort, request.method, request.url, request.headers['user-agent'] || '', body,
      status].join('\t') + '\n');
    response.writeHead(status);
    response.end(status === 204 || status === 304 ? undefined : request.url + '\n');
  });
});
server.keepAliveTimeout = 60000;
server.listen(0, '127.0.0.1', () => console.log('listening', server.address().port));
process.on('SIGTERM', () => process.exit(0));
