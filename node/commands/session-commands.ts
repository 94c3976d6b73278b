/** All commands of the connection, the node and the cluster: what registry.ts is for commands over data. */

import { clientCommands } from "./client.ts";
import { clusterCommands } from "./cluster.ts";
import type { SessionCommand } from "./command.ts";
import { commandTableCommands } from "./command-table.ts";
import { connectionCommands } from "./connection.ts";
import { debugCommands } from "./debug.ts";
import { habitCommands } from "./habits.ts";
import { memoryHelpCommand } from "./memory.ts";
import { objectHelpCommand } from "./object.ts";
import { serverCommands } from "./server.ts";
import type { Session } from "./session.ts";
import { transactionCommands } from "./transactions.ts";

export const sessionCommands: readonly SessionCommand<Session>[] = [
  ...connectionCommands,
  ...clientCommands,
  ...transactionCommands,
  ...serverCommands,
  ...debugCommands,
  ...habitCommands,
  ...commandTableCommands,
  ...clusterCommands,
  objectHelpCommand,
  memoryHelpCommand,
];
