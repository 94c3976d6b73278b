/** The OpenAPI 3.1 document of the manager's API, made from the table of routes and its schemas. */

import { z } from "zod";
import { errorReplySchema } from "../../../node/meta/manager-api.ts";
import { PROOF_HEADERS } from "../../../node/meta/request-proof.ts";
import { ROUTES, type Route } from "./routes.ts";

/** The document; the same for every manager of one version. */
export function makeOpenApi(programVersion: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of ROUTES) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operationOf(route) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Pika cluster manager",
      version: programVersion,
      description:
        "Every call but /healthz, /readyz, /metrics and /openapi.json proves the cluster's secret by headers.",
    },
    paths,
    components: {
      schemas: { Error: jsonSchema(errorReplySchema, "output") },
      securitySchemes: { proof: { type: "apiKey", in: "header", name: PROOF_HEADERS.proof } },
    },
    security: [{ proof: [] }],
  };
}

function operationOf(route: Route): object {
  const parameters = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  return {
    summary: route.summary,
    parameters: [...parameters, ...queryParameters(route)],
    ...(route.body === undefined
      ? {}
      : {
          requestBody: { required: true, content: { "application/json": { schema: jsonSchema(route.body, "input") } } },
        }),
    responses: {
      "200": { description: "Done.", content: { "application/json": { schema: jsonSchema(route.reply, "output") } } },
      default: {
        description: "A fault.",
        content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
      },
    },
  };
}

function queryParameters(route: Route): object[] {
  if (route.query === undefined) return [];
  const schema = jsonSchema(route.query, "output") as { properties?: Record<string, object>; required?: string[] };
  return Object.entries(schema.properties ?? {}).map(([name, property]) => ({
    name,
    in: "query",
    required: !("default" in property),
    schema: property,
  }));
}

function jsonSchema(schema: z.ZodType, io: "input" | "output"): object {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  return rest;
}
