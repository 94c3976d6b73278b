/**
 * The examples are what they say: a real API server takes each of them (a dry run), the program reads those that it
 * runs itself, and Argo CD's health scripts tell the states of a cluster apart, run by a real Lua (that of redis-server,
 * 5.1 like Argo CD's).
 */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { readOptions } from "../../node/base/options.ts";
import { nodeOptions } from "../../node/node-options.ts";
import { customResourceDefinitions } from "../../operator/api/v1alpha1/custom-resources.ts";
import { readManifest } from "../../operator/api/v1alpha1/manifest.ts";
import { RedisServer } from "../support/redis-server.ts";
import { waitFor } from "../support/wait-for.ts";
import { ControlPlane } from "./control-plane.ts";
import { KubeApi } from "./kube-api.ts";
import { hasControlPlane } from "./shared-control-plane.ts";
import { missingCommands } from "./tool-cache.ts";

const EXAMPLES = join(import.meta.dirname, "../../examples");

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly data?: Readonly<Record<string, string>>;
}

const files = readdirSync(EXAMPLES, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".yaml"))
  .toSorted();
const readText = (name: string): string => readFileSync(join(EXAMPLES, name), "utf8");
const readObjects = (name: string): readonly Manifest[] =>
  parseAllDocuments(readText(name)).map((document) => document.toJS() as Manifest);

/** Kinds of others that examples use: their definitions are not ours to carry, so they take any fields. */
const FOREIGN = files
  .flatMap(readObjects)
  .filter(({ apiVersion }) => /argoproj|fluxcd/.test(apiVersion))
  .map(({ apiVersion, kind }) => ({ apiVersion, kind }))
  .filter((one, index, all) => all.findIndex(({ kind }) => kind === one.kind) === index);

function pluralOf(kind: string): string {
  return kind.endsWith("y") ? `${kind.slice(0, -1).toLowerCase()}ies` : `${kind.toLowerCase()}s`;
}

function foreignDefinition({ apiVersion, kind }: (typeof FOREIGN)[number]): Record<string, unknown> {
  const [group = "", version = ""] = apiVersion.split("/");
  const schema = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${pluralOf(kind)}.${group}` },
    spec: {
      group,
      scope: "Namespaced",
      names: { kind, plural: pluralOf(kind), singular: kind.toLowerCase() },
      versions: [{ name: version, served: true, storage: true, schema }],
    },
  };
}

test("there are the examples that the documents name", () => {
  expect(files).toEqual([
    "external-etcd.yaml",
    "gitops/argo-cd/application.yaml",
    "gitops/argo-cd/health.yaml",
    "gitops/flux/clusters.yaml",
    "gitops/flux/operator.yaml",
    "more.yaml",
    "production.yaml",
    "quickstart.yaml",
    "three-zones.yaml",
  ]);
});

describe.each(files.filter((name) => !name.startsWith("gitops/")))("%s", (name) => {
  test("is a manifest as the program reads them", () => {
    expect(readManifest([{ name, text: readText(name) }]).problems).toEqual([]);
  });

  test("names options that nodes have", () => {
    for (const { object } of readManifest([{ name, text: readText(name) }]).clusters) {
      const values = object.spec.nodes.config;
      expect(() => readOptions(nodeOptions, [{ describe: (option) => option, values }])).not.toThrow();
    }
  });
});

describe.runIf(hasControlPlane() && !process.env.KUBECONFIG)("a real API server", () => {
  const plane = new ControlPlane();
  let api: KubeApi;
  const dryRun = (object: Manifest): Promise<unknown> => {
    const root = object.apiVersion.includes("/") ? `/apis/${object.apiVersion}` : `/api/${object.apiVersion}`;
    const path = `${root}/namespaces/${object.metadata.namespace ?? "default"}/${pluralOf(object.kind)}`;
    return api.post(`${path}?dryRun=All&fieldValidation=Strict`, object);
  };

  beforeAll(async () => {
    await plane.start();
    api = new KubeApi(plane.kubeconfig);
    const definitions = [...customResourceDefinitions(), ...FOREIGN.map(foreignDefinition)];
    const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    for (const definition of definitions) await api.post(path, definition);
    for (const name of ["argocd", "flux-system"]) {
      await api.post("/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name } });
    }
    const kinds = [...FOREIGN.map(({ apiVersion }) => apiVersion), "pika.io/v1alpha1"];
    await waitFor(() => Promise.all(kinds.map((version) => api.get(`/apis/${version}`))).then(Boolean, () => false), {
      what: "the definitions to be served",
    });
  }, 90_000);
  afterAll(async () => {
    api?.close();
    await plane.stop();
  });

  test.each(files)("takes %s", async (name) => {
    const objects = readObjects(name);
    expect(objects).not.toEqual([]);
    for (const object of objects) {
      await waitFor(
        () =>
          dryRun(object).then(Boolean, (error: Error) =>
            /: 404 /.test(error.message) ? false : Promise.reject(error),
          ),
        { what: `${object.kind} to be served` },
      );
    }
  });

  test("refuses an example with a field that there is not", async () => {
    const [cluster] = readObjects("quickstart.yaml") as [Manifest];
    await expect(dryRun({ ...cluster, spec: { ...cluster.spec, node: {} } })).rejects.toThrow(
      /unknown field .*spec\.node/,
    );
  });
});

const READY = { type: "Ready", status: "True", message: "all is well" };
const WAITS = { type: "Ready", status: "False", message: "a node is not ready" };

/** What the operator says, and what Argo CD makes of it. */
const STATES: readonly (readonly [conditions: readonly object[] | undefined, observed: number, health: string])[] = [
  [undefined, 2, "Progressing"],
  [[READY], 1, "Progressing"],
  [[READY], 2, "Healthy"],
  [[WAITS], 2, "Progressing"],
  [[WAITS, { type: "Reconciling", status: "True", message: "it starts" }], 2, "Progressing"],
  [[WAITS, { type: "Stalled", status: "True", message: "no such field" }], 2, "Degraded"],
];

describe.runIf(missingCommands(["redis-server"]).length === 0)("Argo CD's health scripts", () => {
  const { data = {} } = parse(readText("gitops/argo-cd/health.yaml")) as Manifest;
  const scripts = Object.entries(data);
  let lua: RedisServer;
  beforeAll(async () => {
    lua = await RedisServer.start();
  });
  afterAll(() => lua.stop());

  const assess = async (script: string, object: unknown): Promise<{ status: string; message: string }> => {
    const wrapped = `local obj = cjson.decode(ARGV[1])\nlocal function assess()\n${script}\nend\nreturn cjson.encode(assess())`;
    const [reply] = await lua.pipeline([["EVAL", wrapped, "0", JSON.stringify(object)]]);
    const text = reply?.toString() ?? "";
    if (!text.startsWith("$")) throw new Error(text);
    return JSON.parse(text.slice(text.indexOf("\n") + 1)) as { status: string; message: string };
  };

  test("there is one for each kind", () => {
    const kinds = ["PikaCluster", "PikaTable"].map((kind) => `resource.customizations.health.pika.io_${kind}`);
    expect(Object.keys(data)).toEqual(kinds);
  });

  test.each(scripts)("%s", async (_name, script) => {
    const metadata = { name: "c", generation: 2 };
    expect(await assess(script, { metadata })).toMatchObject({ status: "Progressing" });
    for (const [conditions, observedGeneration, health] of STATES) {
      const answer = await assess(script, { metadata, status: { observedGeneration, conditions } });
      expect(answer.status, JSON.stringify(conditions)).toBe(health);
      const last = conditions?.at(-1) as { message?: string } | undefined;
      if (observedGeneration === 2 && last) expect(answer.message).toBe(last.message);
    }
  });

  test("a suspended cluster is suspended", async () => {
    const conditions = [WAITS, { type: "Suspended", status: "True", message: "no pods run" }];
    const cluster = { metadata: { generation: 1 }, status: { observedGeneration: 1, conditions } };
    expect(await assess(scripts[0]?.[1] ?? "", cluster)).toEqual({ status: "Suspended", message: "no pods run" });
  });
});
