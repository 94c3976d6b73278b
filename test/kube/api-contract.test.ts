/** The contracts of the API server's fakes, on a real one. */

import { afterAll, beforeAll, describe } from "vitest";
import { ApiObjectSource } from "../../operator/kube/api-object-source.ts";
import { KubeconfigCredentials } from "../../operator/kube/kubeconfig-credentials.ts";
import { testKubeApi } from "../contract/kube-api.contract.ts";
import { testObjectSource } from "../contract/object-source.contract.ts";
import { type ApiClient, connectApi } from "./api-client.ts";
import { CONFIG_MAPS, configMap, RuntimeGround } from "./operator-runtimes.ts";
import { hasControlPlane, type SharedCluster, shareControlPlane } from "./shared-control-plane.ts";

describe.runIf(hasControlPlane())("the API server", () => {
  let cluster: SharedCluster;
  let api: ApiClient;
  let ground: RuntimeGround;
  beforeAll(async () => {
    cluster = await shareControlPlane();
    api = connectApi(cluster.kubeconfig);
    ground = new RuntimeGround(new KubeconfigCredentials({ file: cluster.kubeconfig, context: "" }));
  }, 60_000);
  afterAll(() => {
    api?.close();
    cluster?.release();
  });

  testKubeApi("as writers meet it", async () => ({
    client: api.client,
    namespace: await ground.namespace(api.client),
  }));

  testObjectSource("as reflectors meet it", async () => {
    const namespace = await ground.namespace(api.client);
    // The controllers put a ConfigMap of their own into each namespace.
    const labelSelector = "pika.io/test=yes";
    const source = new ApiObjectSource({ resource: CONFIG_MAPS, namespace, labelSelector }, api.client);
    return {
      source,
      put: async (name) => {
        const object = configMap(namespace, name, { at: String(Math.random()) });
        await api.client.apply(CONFIG_MAPS, object, { fieldManager: "test", isForced: true });
      },
      remove: async (name) => {
        const object = await api.client.get(CONFIG_MAPS, { namespace, name });
        await api.client.delete(CONFIG_MAPS, { namespace, name }, { uid: object?.metadata.uid ?? "" });
      },
    };
  });
});
