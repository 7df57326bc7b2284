// Reads a stream of server-sent events as EventSource does (WHATWG HTML 9.2). event_client.js PORT PATH: says "event N" after each, and "end" at the end.
'use strict';
const http = require('http');

http.get({ host: '127.0.0.1', port: Number(process.argv[2]), path: process.argv[3], headers: { Accept: 'text/event-stream' } }, (response) => {
  let rest = '';
  let count = 0;
  response.setEncoding('utf8');
  response.on('data', (text) => {
    const parts = (rest + text).split('\n\n');
    rest = parts.pop();
    for (const part of parts) if (part.includes('data:')) console.log(`event ${++count}`);
  });
  response.on('end', () => console.log('end'));
});
