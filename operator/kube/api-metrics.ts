/**
 * What the operator asks of the API server, counted by verb, resource and code, and under controller-runtime's name.
 * Code is the HTTP status, or `none` where no answer came.
 */

import type { Metrics } from "../../node/base/metrics.ts";
import type { ApiRequest } from "./transport.ts";

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export class ApiMetrics {
  readonly #requests;
  readonly #restClientRequests;
  readonly #seconds;
  readonly #retries;

  constructor(metrics: Metrics) {
    this.#requests = metrics.counter({
      name: "pika_operator_api_requests_total",
      help: "requests to the API server, tries counted one by one",
      labels: ["verb", "resource", "code"],
    });
    this.#restClientRequests = metrics.counter({
      name: "rest_client_requests_total",
      help: "requests to the API server, as controller-runtime counts them",
      labels: ["code", "method", "host"],
    });
    this.#seconds = metrics.histogram({
      name: "pika_operator_api_request_seconds",
      help: "time of a request, of a watch until its first bytes",
      labels: ["verb", "resource"],
      buckets: SECONDS,
    });
    this.#retries = metrics.counter({
      name: "pika_operator_api_retries_total",
      help: "requests that were sent again",
      labels: ["verb", "resource"],
    });
  }

  observe(
    request: ApiRequest,
    done: { readonly host: string; readonly status: number; readonly tookMs: number },
  ): void {
    const { verb, resource, method } = request;
    const code = done.status === 0 ? "none" : String(done.status);
    this.#requests.inc({ verb, resource, code });
    this.#restClientRequests.inc({ code: done.status === 0 ? "<error>" : code, method, host: done.host });
    this.#seconds.observe({ verb, resource }, done.tookMs / 1000);
  }

  retried({ verb, resource }: ApiRequest): void {
    this.#retries.inc({ verb, resource });
  }
}
