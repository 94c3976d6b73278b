/**
 * Joins two listeners: `node relay.ts <unix socket> <host> <port>` listens on the socket and passes each connection on.
 * Run inside the sealed tree it lets the machine reach the API server there, for files are shared and networks are not.
 */

import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { pipeline } from "node:stream";

/** Passes each connection on; what breaks on one side breaks the other. */
function createRelay(dial: () => Socket): Server {
  return createServer({ allowHalfOpen: true }, (near) => {
    const far = dial();
    pipeline(near, far, near, () => undefined);
  });
}

/** Listens on a port of 127.0.0.1 for a Unix socket; gives the port. */
export async function listenFor(socket: string): Promise<{ readonly port: number; readonly server: Server }> {
  const server = createRelay(() => connect({ path: socket, allowHalfOpen: true }));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: (server.address() as AddressInfo).port, server };
}

const [, main, path, host, port] = process.argv;
if (main === import.meta.filename && path !== undefined && host !== undefined) {
  createRelay(() => connect({ host, port: Number(port), allowHalfOpen: true })).listen(path);
}
