// The demo's shop: an ordinary Node service. GET /cart/N asks the stock service about N and answers with what it said.
// shop.js STOCK_PORT: prints `listening PORT`.
'use strict';
const http = require('http');

const stockPort = Number(process.argv[2]);
const agent = new http.Agent({ keepAlive: true });

const server = http.createServer((request, response) => {
  if (!request.url.startsWith('/cart/')) {
    response.writeHead(404).end('no such page\n');
    return;
  }
  const item = encodeURIComponent(request.url.slice('/cart/'.length));
  const question = http.get({ host: '127.0.0.1', port: stockPort, path: `/stock/${item}`, agent }, (answer) => {
    let text = '';
    answer.on('data', (chunk) => { text += chunk; });
    answer.on('end', () => {
      response.writeHead(answer.statusCode === 200 ? 200 : 502, { 'Content-Type': 'application/json' });
      response.end(`{"cart":${answer.statusCode === 200 ? text : 'null'}}\n`);
    });
  });
  question.on('error', () => response.writeHead(502).end('stock does not answer\n'));
});
server.keepAliveTimeout = 60000;
server.listen(0, '127.0.0.1', () => console.log('listening', server.address().port));
