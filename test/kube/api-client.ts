/** A client of a test cluster's API server, as an administrator: the operator's own client. */

import { SystemClock } from "../../node/base/clock.ts";
import { Metrics } from "../../node/base/metrics.ts";
import { ApiMetrics } from "../../operator/kube/api-metrics.ts";
import { HttpsTransport } from "../../operator/kube/https-transport.ts";
import { KubeClient } from "../../operator/kube/kube-client.ts";
import { KubeconfigCredentials } from "../../operator/kube/kubeconfig-credentials.ts";

export interface ApiClient {
  readonly client: KubeClient;
  close(): void;
}

export function connectApi(kubeconfig: string): ApiClient {
  const clock = new SystemClock();
  const transport = new HttpsTransport(
    { maxConnections: 8, userAgent: "pika-test" },
    {
      clock,
      random: () => 0.5,
      metrics: new ApiMetrics(new Metrics()),
      credentials: new KubeconfigCredentials({ file: kubeconfig, context: "" }),
    },
  );
  return { client: new KubeClient(transport), close: () => transport.close() };
}
