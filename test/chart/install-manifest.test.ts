/** What `make install-yaml` writes. */

import { describe, expect, test } from "vitest";
import { hasHelm, type Rendered, readObjects } from "./helm.ts";
import { installManifest } from "./install-manifest.ts";

interface Deployment extends Rendered {
  readonly spec: {
    readonly template: { readonly spec: { readonly containers: readonly { readonly image: string }[] } };
  };
}

function imageOf(manifest: string): string | undefined {
  const deployment = readObjects(manifest).find(({ kind }) => kind === "Deployment") as Deployment;
  return deployment.spec.template.spec.containers[0]?.image;
}

describe.runIf(hasHelm())("install.yaml", () => {
  test("has a namespace before all that is in it, and no test", () => {
    const objects = readObjects(installManifest(""));
    expect(objects[0]?.kind).toBe("Namespace");
    const namespaces = objects.map(({ metadata }) => metadata.namespace).filter((name) => name !== undefined);
    expect(new Set(namespaces)).toEqual(new Set([objects[0]?.metadata.name]));
    expect(objects.filter(({ kind }) => kind === "CustomResourceDefinition")).toHaveLength(2);
    expect(objects.filter(({ kind }) => kind === "Pod")).toEqual([]);
  });

  test.each(["registry.example:5000/pika:1.2.3", `registry.example/a/pika@sha256:${"1".repeat(64)}`, "pika:x"])(
    "runs the image %s that is asked for",
    (image) => {
      expect(imageOf(installManifest(image))).toBe(image);
    },
  );
});
