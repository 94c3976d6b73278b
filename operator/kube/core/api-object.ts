/**
 * Kubernetes objects as they are on the wire, and the paths of the API: every path is built here.
 * Times are text (RFC 3339), never Date. Objects from the cache are shared: nobody changes them.
 */

import type { V1ObjectMeta } from "@kubernetes/client-node";

/** A type of client-node as JSON has it: its dates are text. */
export type Wire<T> = T extends Date
  ? string
  : T extends readonly (infer U)[]
    ? Wire<U>[]
    : T extends object
      ? { [K in keyof T]: Wire<T[K]> }
      : T;

export type ObjectMeta = Wire<V1ObjectMeta>;

export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
}

/** A kind of object and where the API has it. */
export interface Resource {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly isNamespaced: boolean;
}

export interface ResourceScope {
  /** Absent: all namespaces, or a resource that has none. */
  readonly namespace?: string;
  readonly name?: string;
  readonly subresource?: "status" | "scale" | "eviction";
}

/** `/apis/apps/v1/namespaces/ns/statefulsets/name/status`. */
export function pathOf(resource: Resource, scope: ResourceScope = {}): string {
  const root = resource.group === "" ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
  const namespace =
    resource.isNamespaced && scope.namespace ? `/namespaces/${encodeURIComponent(scope.namespace)}` : "";
  const name = scope.name === undefined ? "" : `/${encodeURIComponent(scope.name)}`;
  const subresource = scope.subresource === undefined ? "" : `/${scope.subresource}`;
  return `${root}${namespace}/${resource.plural}${name}${subresource}`;
}

/** `apps/v1`, and `v1` for the core group: the `apiVersion` of its objects. */
export function apiVersionOf(resource: Resource): string {
  return resource.group === "" ? resource.version : `${resource.group}/${resource.version}`;
}

/** `namespace/name`, the key of an object in caches and queues; the namespace is empty where there is none. */
export function keyOf(object: KubeObject): string {
  return objectKey(object.metadata.namespace, object.metadata.name ?? "");
}

/** The key that an object of this namespace and name has. */
export function objectKey(namespace: string | undefined, name: string): string {
  return `${namespace ?? ""}/${name}`;
}

/** The UID of the owner that controls the object, if one does. */
export function controllerUidOf(object: KubeObject): string | undefined {
  return object.metadata.ownerReferences?.find((reference) => reference.controller === true)?.uid;
}

/**
 * Whether resource version `a` is older than `b`. They are whole decimal numbers that grow within a resource
 * (KEP-5504); a version that is no number is never older.
 */
export function isOlderVersion(a: string | undefined, b: string | undefined): boolean {
  if (!a || !b || !/^\d+$/.test(a) || !/^\d+$/.test(b)) return false;
  return a.length === b.length ? a < b : a.length < b.length;
}

/** Kept by nobody who reads the cache, and often larger than the rest. */
const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

/** The object without what only costs memory: managed fields and kubectl's copy of what it applied. Changes it. */
export function trimObject<T extends KubeObject>(object: T): T {
  delete object.metadata.managedFields;
  if (object.metadata.annotations) delete object.metadata.annotations[LAST_APPLIED];
  return object;
}
