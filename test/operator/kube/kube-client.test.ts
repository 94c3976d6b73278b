import { expect, test } from "vitest";
import { ApiError } from "../../../operator/kube/api-error.ts";
import { ApiObjectSource } from "../../../operator/kube/api-object-source.ts";
import { KubeClient } from "../../../operator/kube/kube-client.ts";
import type { ApiRequest, Transport } from "../../../operator/kube/transport.ts";

const maps = { group: "", version: "v1", plural: "configmaps", kind: "ConfigMap", isNamespaced: true };
const object = { metadata: { namespace: "ns", name: "a" } };

/** Keeps what is sent and answers with the next text, or throws it. */
function setup(...answers: (string | Error)[]) {
  const sent: ApiRequest[] = [];
  const next = (request: ApiRequest): string => {
    sent.push(request);
    const answer = answers.shift() ?? "{}";
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const transport: Transport = {
    send: async (request) => ({ status: 200, body: next(request) }),
    open: async (request) => {
      const body = next(request);
      async function* chunks() {
        yield Buffer.from(body);
      }
      return { [Symbol.asyncIterator]: chunks, close: () => {} };
    },
    close: () => {},
  };
  return { client: new KubeClient(transport), sent };
}

const notFound = new ApiError("", { status: 404, reason: "NotFound" });

test("an object that is not there is undefined, another refusal is thrown", async () => {
  const { client } = setup(notFound, new ApiError("", { status: 403, reason: "Forbidden" }), '{"metadata":{}}');
  const scope = { namespace: "ns", name: "a" };
  expect(await client.get(maps, scope)).toBeUndefined();
  await expect(client.get(maps, scope)).rejects.toMatchObject({ status: 403 });
  expect(await client.get(maps, scope)).toEqual({ metadata: {} });
});

test("apply says who applies, whether with force, and may be repeated", async () => {
  const { client, sent } = setup();
  await client.apply(maps, object, { fieldManager: "m", isForced: true, subresource: "status", isDryRun: true });
  expect(sent[0]).toMatchObject({
    method: "PATCH",
    path: "/api/v1/namespaces/ns/configmaps/a/status?fieldManager=m&force=true&dryRun=All",
    headers: { "content-type": "application/apply-patch+yaml" },
    isRepeatable: true,
  });
});

test("a deletion is of one UID; what is gone is no error", async () => {
  const { client, sent } = setup("{}", notFound);
  const scope = { namespace: "ns", name: "a" };
  expect(await client.delete(maps, scope, { uid: "u", resourceVersion: "5" })).toBe(true);
  expect(JSON.parse(sent[0]?.body ?? "")).toMatchObject({
    preconditions: { uid: "u", resourceVersion: "5" },
    propagationPolicy: "Background",
  });
  expect(await client.delete(maps, scope, { uid: "u" })).toBe(false);
});

test("creations and updates are not repeated blindly", async () => {
  const { client, sent } = setup();
  await client.create(maps, object);
  await client.update(maps, object);
  await client.merge(maps, { scope: { namespace: "ns", name: "a" }, body: {} });
  expect(sent.map(({ method, isRepeatable }) => [method, isRepeatable])).toEqual([
    ["POST", false],
    ["PUT", false],
    ["PATCH", true],
  ]);
});

test("pages are asked for by limit and token, with selector, as metadata where that is enough", async () => {
  const { client, sent } = setup('{"metadata":{"resourceVersion":"7","continue":"t"},"items":[]}', '{"items":null}');
  const selection = { resource: maps, namespace: "ns", labelSelector: "a=b", isMetadataOnly: true };
  const source = new ApiObjectSource(selection, client);
  const { signal } = new AbortController();
  const page = await source.list({ limit: 5, continueToken: "", signal });
  expect(page).toEqual({ items: [], resourceVersion: "7", continueToken: "t" });
  expect(await source.list({ limit: 5, continueToken: "t", signal })).toMatchObject({ items: [], continueToken: "" });
  expect(sent.map(({ path }) => path)).toEqual([
    "/api/v1/namespaces/ns/configmaps?limit=5&labelSelector=a%3Db",
    "/api/v1/namespaces/ns/configmaps?limit=5&continue=t&labelSelector=a%3Db",
  ]);
  expect(sent[0]?.headers?.accept).toBe("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1");
});

test("events are read from the stream; an ERROR is thrown with its code", async () => {
  const added = { type: "ADDED", object };
  const lines = [added, { type: "ERROR", object: { code: 410, reason: "Expired", message: "old" } }];
  const { client, sent } = setup(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  const source = new ApiObjectSource({ resource: maps }, client);
  const query = {
    resourceVersion: "5",
    isInitialList: false,
    timeoutSeconds: 300,
    signal: new AbortController().signal,
  };
  const events = (await source.watch(query))[Symbol.asyncIterator]();
  expect((await events.next()).value).toEqual(added);
  await expect(events.next()).rejects.toMatchObject({ status: 410, reason: "Expired" });
  expect(sent[0]?.path).toBe(
    "/api/v1/configmaps?watch=true&allowWatchBookmarks=true&timeoutSeconds=300&resourceVersion=5",
  );
});
