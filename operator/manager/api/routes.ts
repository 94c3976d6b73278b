/**
 * The API as one table: method, path, schemas, and what answers. The server, the OpenAPI document and the tests read
 * it; a call that is not in it is 404.
 */

import { z } from "zod";
import { decodeWith } from "../../../node/meta/decode.ts";
import {
  clusterReplySchema,
  deleteTableRequestSchema,
  failoverRequestSchema,
  heartbeatReplySchema,
  heartbeatRequestSchema,
  MAX_POLL_MS,
  moveSlotRequestSchema,
  nodeReplySchema,
  nodeStepRequestSchema,
  putClusterRequestSchema,
  putTableRequestSchema,
  registerReplySchema,
  registerRequestSchema,
  restartSafetyReplySchema,
  statusReplySchema,
  tableReplySchema,
  topologyReplySchema,
} from "../../../node/meta/manager-api.ts";
import { clusterIdSchema, countSchema, tableNameSchema } from "../../../node/meta/schemas.ts";
import {
  answerCluster,
  answerNode,
  answerNodes,
  answerRestartSafety,
  answerStatus,
  answerTable,
  answerTables,
  type Question,
} from "./answers.ts";
import { type ApiReply, answer, fault } from "./api-reply.ts";

/** One call, checked: the path's parameters and the decoded query and body. */
export interface Call extends Question {
  readonly params: Readonly<Record<string, string>>;
  /** Aborts when the caller went away or the manager stops. */
  readonly signal: AbortSignal;
}

export interface Route {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  /** Segments in braces are parameters. */
  readonly path: string;
  readonly summary: string;
  readonly query: z.ZodType | undefined;
  readonly body: z.ZodType | undefined;
  readonly reply: z.ZodType;
  /** Checks query and body, and answers. */
  readonly run: (
    call: Call,
    input: { readonly query: unknown; readonly body: unknown },
  ) => ApiReply | Promise<ApiReply>;
}

interface RouteSpec<Q, B> extends Omit<Route, "query" | "body" | "run"> {
  readonly query?: z.ZodType<Q>;
  readonly body?: z.ZodType<B>;
  readonly run: (call: Call, query: Q, body: B) => ApiReply | Promise<ApiReply>;
}

function route<Q = undefined, B = undefined>(spec: RouteSpec<Q, B>): Route {
  return {
    ...spec,
    query: spec.query,
    body: spec.body,
    run: (call, input) => {
      if (call.params.name !== undefined) {
        const name = decodeWith(tableNameSchema, call.params.name);
        if (!name.ok) return fault("BadRequest", `table name: ${name.message}`, "name");
      }
      const query =
        spec.query === undefined ? { ok: true as const, value: undefined as Q } : decodeWith(spec.query, input.query);
      if (!query.ok) return fault("BadRequest", `query, ${query.path}: ${query.message}`, query.path);
      const body =
        spec.body === undefined ? { ok: true as const, value: undefined as B } : decodeWith(spec.body, input.body);
      if (!body.ok)
        return fault("BadRequest", `body${body.path === "" ? "" : `, ${body.path}`}: ${body.message}`, body.path);
      return spec.run(call, query.value, body.value);
    },
  };
}

const changedReply = z.object({ clusterId: clusterIdSchema, epoch: countSchema });

/** A step whose shape is settled and which is not built. */
function notBuilt(path: string, what: string, body: z.ZodType): Route {
  const reason = `${what} is not built yet; it comes with a later release`;
  return {
    method: "POST",
    path,
    summary: `Not built yet: ${what}.`,
    query: undefined,
    body,
    reply: changedReply,
    run: () => fault("NotBuilt", reason),
  };
}

const topologyQuery = z.object({
  from: z.coerce.number().int().min(0),
  waitMs: z.coerce.number().int().min(0).max(MAX_POLL_MS).default(0),
});

export const ROUTES: readonly Route[] = [
  route({
    method: "POST",
    path: "/v1/nodes/register",
    summary: "A node says at its start who and where it is and what it holds, and gets new terms for what it leads.",
    body: registerRequestSchema,
    reply: registerReplySchema,
    run: ({ session }, _query, body) => session.register(body),
  }),
  route({
    method: "POST",
    path: "/v1/nodes/heartbeat",
    summary: "A node says how it is, and gets a grant.",
    body: heartbeatRequestSchema,
    reply: heartbeatReplySchema,
    run: ({ session }, _query, body) => session.heartbeat(body),
  }),
  route({
    method: "GET",
    path: "/v1/topology",
    summary: "What changed since an epoch; waits for a change.",
    query: topologyQuery,
    reply: topologyReplySchema,
    run: (call, query) => answerTopology(call, query),
  }),
  route({
    method: "GET",
    path: "/v1/status",
    summary: "The cluster at a glance.",
    reply: statusReplySchema,
    run: answerStatus,
  }),
  route({
    method: "GET",
    path: "/v1/cluster",
    summary: "The desired state of the cluster.",
    reply: clusterReplySchema,
    run: answerCluster,
  }),
  route({
    method: "PUT",
    path: "/v1/cluster",
    summary: "States what the cluster shall be.",
    body: putClusterRequestSchema,
    reply: changedReply,
    run: ({ session }, _query, body) => session.putCluster(body),
  }),
  route({
    method: "GET",
    path: "/v1/nodes",
    summary: "All nodes, retired ones too.",
    reply: z.object({ nodes: z.array(nodeReplySchema) }),
    run: answerNodes,
  }),
  route({
    method: "GET",
    path: "/v1/nodes/{node}",
    summary: "One node, by id or name.",
    reply: nodeReplySchema,
    run: (call) => answerNode(call, call.params.node ?? ""),
  }),
  route({
    method: "GET",
    path: "/v1/nodes/{node}/restart-safety",
    summary: "Whether every slot would keep a leader while the node restarts.",
    reply: restartSafetyReplySchema,
    run: (call) => answerRestartSafety(call, call.params.node ?? ""),
  }),
  route({
    method: "GET",
    path: "/v1/tables",
    summary: "All tables.",
    reply: z.object({ tables: z.array(tableReplySchema) }),
    run: answerTables,
  }),
  route({
    method: "GET",
    path: "/v1/tables/{name}",
    summary: "One table.",
    reply: tableReplySchema,
    run: (call) => answerTable(call, call.params.name ?? ""),
  }),
  route({
    method: "PUT",
    path: "/v1/tables/{name}",
    summary: "Makes a table, or changes what of it may change.",
    body: putTableRequestSchema,
    reply: changedReply,
    run: ({ session, params }, _query, body) => session.putTable(params.name ?? "", body),
  }),
  route({
    method: "DELETE",
    path: "/v1/tables/{name}",
    summary: "Takes a table and its data away.",
    body: deleteTableRequestSchema,
    reply: changedReply,
    run: ({ session, params }, _query, body) => session.deleteTable(params.name ?? "", body),
  }),
  notBuilt("/v1/nodes/{node}/drain", "draining a node", nodeStepRequestSchema),
  notBuilt("/v1/nodes/{node}/retire", "retiring a node by hand", nodeStepRequestSchema),
  notBuilt("/v1/tables/{name}/slots/{slot}/move", "moving a slot", moveSlotRequestSchema),
  notBuilt("/v1/tables/{name}/slots/{slot}/failover", "handing a slot's leadership over", failoverRequestSchema),
];

async function answerTopology(call: Call, query: z.infer<typeof topologyQuery>): Promise<ApiReply> {
  const { feed } = call.session;
  const newest = feed.current?.epoch ?? 0;
  if (query.from > newest) {
    return fault(
      "EpochAhead",
      `the manager is at epoch ${newest}; were the metadata restored from an old copy?`,
      "from",
    );
  }
  await feed.waitAbove(query.from, query.waitMs, call.signal);
  const reply = feed.since(query.from);
  return reply === undefined ? fault("NoLeader", "this manager is still reading the metadata") : answer(reply);
}

export type RouteMatch =
  | { readonly kind: "found"; readonly route: Route; readonly params: Readonly<Record<string, string>> }
  | { readonly kind: "wrongMethod"; readonly allowed: readonly string[] }
  | { readonly kind: "none" };

/** Finds the route of a method and a path (without query). */
export function matchRoute(method: string, path: string): RouteMatch {
  const segments = path.split("/");
  const allowed: string[] = [];
  // A segment without parameter wins over one with: /v1/nodes/register is no node of that name.
  for (const candidate of ROUTES) {
    const params = matchPath(candidate.path.split("/"), segments);
    if (params === undefined) continue;
    if (candidate.method === method) return { kind: "found", route: candidate, params };
    allowed.push(candidate.method);
  }
  return allowed.length > 0 ? { kind: "wrongMethod", allowed } : { kind: "none" };
}

function matchPath(pattern: readonly string[], segments: readonly string[]): Record<string, string> | undefined {
  if (pattern.length !== segments.length) return undefined;
  const params: Record<string, string> = {};
  for (const [i, part] of pattern.entries()) {
    const segment = segments[i] as string;
    if (part.startsWith("{")) {
      const value = decodeSegment(segment);
      if (value === undefined || value === "") return undefined;
      params[part.slice(1, -1)] = value;
    } else if (part !== segment) {
      return undefined;
    }
  }
  return params;
}

function decodeSegment(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
