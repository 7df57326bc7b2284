// Streams that stay open, over HTTP/2 in clear text.
//   events.mjs server PORT   /events sends a server-sent event every 50 ms, /poll answers nothing, both until /stop is asked for;
//                            anything else is answered at once
//   events.mjs client PORT   reads /events and /poll over one connection and asks for /ping 20 times meanwhile; says "event N" after
//                            each event, and "end" when both have ended
import http2 from "node:http2";

const PINGS = 20;

function serve(port) {
  const server = http2.createServer();
  const waiting = new Set();
  let stopped = false;
  const endWhenStopped = (end) => (stopped ? end() : waiting.add(end));
  server.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    const path = headers[":path"];
    if (path === "/events") {
      let number = 0;
      stream.respond({ ":status": 200, "content-type": "text/event-stream" });
      const timer = setInterval(() => stream.write(`id: ${number++}\ndata: tick\n\n`), 50);
      return endWhenStopped(() => { clearInterval(timer); stream.end(); });
    }
    if (path === "/poll") return endWhenStopped(() => { stream.respond({ ":status": 200 }); stream.end("news\n"); });
    stream.respond({ ":status": 200 });
    stream.end("at once\n");
    if (path !== "/stop") return;
    stopped = true;
    for (const end of waiting) end();
  });
  server.listen(port, "127.0.0.1");
  process.on("SIGTERM", () => process.exit(0));
}

function read(port) {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  const ended = (path, onText) => new Promise((done) => {
    const stream = session.request({ ":path": path });
    stream.setEncoding("utf8");
    stream.on("data", onText);
    stream.on("end", done);
  });
  let rest = "";
  let count = 0;
  const events = ended("/events", (text) => {
    const parts = (rest + text).split("\n\n");
    rest = parts.pop();
    for (const part of parts) if (part.includes("data:")) console.log(`event ${++count}`);
  });
  const poll = ended("/poll", () => {});
  const pings = (async () => {
    for (let i = 0; i < PINGS; ++i) await ended("/ping", () => {});
  })();
  Promise.all([events, poll, pings]).then(() => {
    console.log("end");
    session.close();
  });
}

const [mode, port] = process.argv.slice(2);
mode === "server" ? serve(Number(port)) : read(Number(port));
