/** `install.yaml`: the chart rendered for people without Helm, with the namespace that it is installed in. */

import { render } from "./helm.ts";

const NAMESPACE = `apiVersion: v1
kind: Namespace
metadata:
  name: pika-system
  labels:
    pod-security.kubernetes.io/enforce: restricted
`;

/** @param image `repository[:tag][@digest]`; "": the chart's own. */
export function installManifest(image: string): string {
  const [, repository = "", tag = "", digest = ""] = /^(.+?)(?::([^:/@]+))?(?:@(sha256:.+))?$/.exec(image) ?? [];
  const values = repository === "" ? {} : { image: { repository, tag, digest } };
  return `# The Pika operator: kubectl apply --server-side -f install.yaml\n${NAMESPACE}${render(values, { flags: ["--skip-tests"] })}`;
}
