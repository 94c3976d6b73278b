/** The process of a node on its own, for tests that kill it: options as JSON in the first argument; says `ready PORT`. */

import { createNode } from "../../node/node.ts";
import type { NodeOptions } from "../../node/node-options.ts";

const options = JSON.parse(process.argv[2] as string) as NodeOptions;
const node = createNode(options, {
  onStop: (error) => {
    process.stderr.write(`stopped: ${error}\n`);
    process.exit(1);
  },
});
await node.start();
process.stdout.write(`ready ${node.clientPort}\n`);
