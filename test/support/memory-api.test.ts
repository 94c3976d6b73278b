import { KubeClient } from "../../operator/kube/kube-client.ts";
import { testKubeApi } from "../contract/kube-api.contract.ts";
import { testObjectSource } from "../contract/object-source.contract.ts";
import { MemoryApi } from "./memory-api.ts";
import { MemoryObjects } from "./memory-objects.ts";

const api = new MemoryApi();
testKubeApi("the pretend API server", async () => ({ client: new KubeClient(api), namespace: "ns" }));

testObjectSource("pretend objects", async () => {
  const source = new MemoryObjects();
  return { source, put: (name) => void source.put(name), remove: (name) => source.remove(name) };
});
