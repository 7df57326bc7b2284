// An HTTP/2 server in clear text, and a client that logs what each of its requests came to: Node's own http2.
//
//   peer.mjs server                                  says `listening PORT`; ends with its standard input
//   peer.mjs client PORT LOG ROUNDS CONCURRENCY      waits for a line on standard input, then asks for every behaviour ROUNDS times
//                                                    on one connection
//
// A path is its behaviour, a dash and the request's number: the server does what the first part says. One line of the log for each
// request: {"path": "/Get-3", "status": 200, "reset": null}; `reset` is the error code where the stream was reset, by whomever.
// tests/system/programs/http2/go/main.go is the same in Go.
import fs from "node:fs";
import http2 from "node:http2";
import readline from "node:readline";

const LARGE = Buffer.alloc(200_000, "l");
const BODY = Buffer.alloc(5_000, "b");
const BEHAVIOURS = ["Get", "Missing", "Error", "Echo", "Large", "Abort", "Cancel", "CancelLate"];

function serve() {
  const server = http2.createServer();
  server.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    const behaviour = headers[":path"].slice(1).split("-")[0];
    if (behaviour === "Get") return stream.respond({ ":status": 200 }), stream.end("hello");
    if (behaviour === "Missing") return stream.respond({ ":status": 404 }, { endStream: true });
    if (behaviour === "Error") return stream.respond({ ":status": 500 }), stream.end("as asked");
    if (behaviour === "Echo") return stream.respond({ ":status": 200 }), stream.pipe(stream);
    if (behaviour === "Large") return stream.respond({ ":status": 200 }), stream.end(LARGE);
    if (behaviour === "Abort") return stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
    if (behaviour === "CancelLate") return stream.respond({ ":status": 200 }), stream.write("one part");
    // Cancel: nothing, until the client goes.
  });
  server.listen(0, "127.0.0.1", () => console.log("listening", server.address().port));
  process.stdin.on("data", () => {}).on("end", () => process.exit(0));
}

function ask(session, path) {
  return new Promise((done) => {
    const behaviour = path.slice(1).split("-")[0];
    const stream = session.request({ ":method": behaviour === "Echo" ? "POST" : "GET", ":path": path }, { endStream: behaviour !== "Echo" });
    let status = null;
    stream.on("response", (headers) => { status = headers[":status"]; });
    stream.on("data", () => { if (behaviour === "CancelLate") stream.close(http2.constants.NGHTTP2_CANCEL); });
    stream.on("error", () => {});
    stream.on("close", () => done({ path, status, reset: stream.rstCode === 0 ? null : stream.rstCode }));
    if (behaviour === "Echo") stream.end(BODY);
    // Once the ping is answered the server has read the request.
    if (behaviour === "Cancel") session.ping(() => stream.close(http2.constants.NGHTTP2_CANCEL));
  });
}

async function runClient(port, log, rounds, concurrency) {
  const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  console.log("ready");
  await lines.next();
  const session = http2.connect(`http://127.0.0.1:${port}`);
  const rows = [];
  let next = 0;
  const worker = async () => {
    while (next < rounds * BEHAVIOURS.length) {
      const number = next++;
      rows.push(await ask(session, `/${BEHAVIOURS[number % BEHAVIOURS.length]}-${number}`));
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  fs.writeFileSync(log, rows.map((row) => JSON.stringify(row) + "\n").join(""));
  session.close(() => process.exit(0));
}

const [mode, ...rest] = process.argv.slice(2);
if (mode === "server") serve();
else runClient(Number(rest[0]), rest[1], Number(rest[2]), Number(rest[3]));
