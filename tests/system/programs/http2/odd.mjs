// What is rare in HTTP/2, over clear text: early hints, trailers, a push, a tunnel, an extended CONNECT (RFC 8441).
//   odd.mjs server         says "listening PORT"; ends with its standard input
//   odd.mjs client PORT    waits for a line on standard input, then asks for each over one connection
import http2 from "node:http2";
import readline from "node:readline";

const TUNNELLED = "tunnelled";

function answer(stream, headers) {
  stream.on("error", () => {});
  const path = headers[":path"];
  if (headers[":method"] === "CONNECT") return stream.respond({ ":status": 200 }), stream.pipe(stream);
  if (path === "/hints") stream.additionalHeaders({ ":status": 103, link: "</style>; rel=preload" });
  if (path === "/trailers") {
    stream.respond({ ":status": 200 }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ sum: "1" }));
    return stream.end("with trailers");
  }
  if (path !== "/pushing") return stream.respond({ ":status": 200 }), stream.end("plain");
  stream.pushStream({ ":path": "/pushed" }, (error, pushed) => {
    if (error) throw error;
    pushed.respond({ ":status": 203 });
    pushed.end("pushed");
    stream.respond({ ":status": 200 });
    stream.end("pushing");
  });
}

function serve() {
  const server = http2.createServer({ settings: { enableConnectProtocol: true } });
  server.on("stream", answer);
  server.listen(0, "127.0.0.1", () => console.log("listening", server.address().port));
  process.stdin.on("data", () => {}).on("end", () => process.exit(0));
}

function ended(stream) {
  return new Promise((done) => { stream.resume(); stream.on("close", done); });
}

// What is sent comes back, and the tunnel is over.
function tunnel(session, headers) {
  const stream = session.request(headers, { endStream: false });
  stream.write(TUNNELLED);
  stream.once("data", () => stream.end());
  return ended(stream);
}

async function runClient(port) {
  const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  console.log("ready");
  await lines.next();
  const session = http2.connect(`http://127.0.0.1:${port}`);
  const pushed = new Promise((done) => session.once("stream", (stream) => done(ended(stream))));
  await new Promise((done) => session.once("remoteSettings", done));
  for (const path of ["/hints", "/trailers", "/pushing"]) await ended(session.request({ ":path": path }));
  await pushed;
  await tunnel(session, { ":method": "CONNECT", ":authority": "127.0.0.1:9" });
  await tunnel(session, { ":method": "CONNECT", ":protocol": "websocket", ":path": "/chat" });
  session.close(() => process.exit(0));
}

const [mode, port] = process.argv.slice(2);
mode === "server" ? serve() : runClient(Number(port));
