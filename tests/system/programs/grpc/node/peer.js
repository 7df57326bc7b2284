// A gRPC server, and a client that logs what each of its calls came to: @grpc/grpc-js, without generated code. Usage, behaviours and
// log as in ../peer.py. Runs where scripts/grpc_programs put it, beside the library.
"use strict";
const fs = require("fs");
const grpc = require("@grpc/grpc-js");

const MESSAGES = 5;
const BODY = Buffer.alloc(1000, "m");
const DEADLINE_MS = 300;
const BEHAVIOURS = ["Unary", "NotFound", "Internal", "Download", "Upload", "Chat", "Late", "Endless", "Slow", "Missing"];
const METHODS = 20000;  // the library wants to know every method by name
const same = (bytes) => bytes;

const refuse = (code) => (call, callback) => callback({code, details: "as asked"});
const HANDLERS = {
  Unary: ["unary", (call, callback) => callback(null, call.request)],
  NotFound: ["unary", refuse(grpc.status.NOT_FOUND)],
  Internal: ["unary", refuse(grpc.status.INTERNAL)],
  Download: ["serverStream", (call) => {
    for (let i = 0; i < MESSAGES; i++) call.write(BODY);
    call.end();
  }],
  Upload: ["clientStream", (call, callback) => {
    let total = 0;
    call.on("data", (request) => total += request.length);
    call.on("end", () => callback(null, Buffer.from(String(total))));
  }],
  Chat: ["bidi", (call) => {
    call.on("data", (request) => call.write(request));
    call.on("end", () => call.end());
  }],
  Late: ["serverStream", (call) => {
    call.write(BODY);
    call.emit("error", {code: grpc.status.ABORTED, details: "after a message"});
  }],
  Endless: ["serverStream", (call) => call.write(BODY)],
  Slow: ["unary", () => {}],
};

function serve() {
  const server = new grpc.Server();
  for (let number = 0; number < METHODS; number++) {
    const behaviour = BEHAVIOURS[number % BEHAVIOURS.length];
    if (!HANDLERS[behaviour]) continue;
    const [type, handler] = HANDLERS[behaviour];
    server.register(`/lab.Echo/${behaviour}-${number}`, handler, same, same, type);
  }
  server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
    if (error) throw error;
    console.log("listening", port);
  });
  process.stdin.on("end", () => process.exit(0)).resume();
}

// Resolves with the status' code.
function call(client, behaviour, path) {
  return new Promise((resolve) => {
    const options = behaviour === "Slow" ? {deadline: Date.now() + DEADLINE_MS} : {};
    const metadata = new grpc.Metadata();
    const done = (error) => resolve(error ? error.code : grpc.status.OK);
    const receive = (stream) => {
      stream.on("data", () => behaviour === "Endless" && stream.cancel());
      stream.on("error", () => {});
      stream.on("status", (status) => resolve(status.code));
    };
    const send = (stream) => {
      for (let i = 0; i < MESSAGES; i++) stream.write(BODY);
      stream.end();
    };
    if (["Download", "Late", "Endless"].includes(behaviour)) {
      receive(client.makeServerStreamRequest(path, same, same, BODY, metadata, options));
    } else if (behaviour === "Upload") {
      send(client.makeClientStreamRequest(path, same, same, metadata, options, done));
    } else if (behaviour === "Chat") {
      const stream = client.makeBidiStreamRequest(path, same, same, metadata, options);
      receive(stream);
      send(stream);
    } else {
      client.makeUnaryRequest(path, same, same, BODY, metadata, options, done);
    }
  });
}

async function runClient(port, logPath, rounds, concurrency, isEarly) {
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  const log = fs.createWriteStream(logPath);
  let next = 0;
  const work = async () => {
    while (next < rounds * BEHAVIOURS.length) {
      const number = next++;
      const behaviour = BEHAVIOURS[number % BEHAVIOURS.length];
      const method = `lab.Echo/${behaviour}-${number}`;
      const code = await call(client, behaviour, "/" + method);
      log.write(JSON.stringify({method, status: grpc.status[code]}) + "\n");
    }
  };
  if (isEarly) await call(client, "Unary", `/lab.Echo/Unary-${rounds * BEHAVIOURS.length}`);
  process.stdin.once("data", async () => {
    // A deadline is not to pass before the call is sent.
    await new Promise((resolve, reject) => client.waitForReady(Infinity, (error) => error ? reject(error) : resolve()));
    await Promise.all(Array.from({length: concurrency}, work));
    client.close();
    log.end();
    process.stdin.destroy();  // the process ends when all is sent
  });
  console.log("ready");
}

const [mode, ...rest] = process.argv.slice(2);
if (mode === "server") {
  serve();
} else {
  runClient(rest[0], rest[1], Number(rest[2]), Number(rest[3]), rest.length > 4);
}
