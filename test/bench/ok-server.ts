/**
 * Answers +OK to every RESP command it is sent, and does nothing else: what Node's sockets alone cost.
 * Counts commands by their `*` headers, which is right for redis-benchmark's input.
 */

import { createServer } from "node:net";

const STAR = 42;
const OK = "+OK\r\n";

createServer((socket) => {
  socket.setNoDelay(true);
  socket.on("data", (chunk) => {
    let count = 0;
    for (let at = 0; at < chunk.length; at++) if (chunk[at] === STAR && (at === 0 || chunk[at - 1] === 10)) count++;
    socket.write(count === 0 ? OK : OK.repeat(count), "latin1");
  });
  socket.on("error", () => socket.destroy());
}).listen(Number(process.argv[2]), "127.0.0.1");
