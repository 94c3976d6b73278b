/**
 * The schemas of fields that several resources share: names, quantities, references, pod templates.
 * Every list, map and string has a maximum, every quantity a pattern (API conventions of this project).
 * Refuses unknown fields: a misspelt field must never be silently ignored.
 */

import { z } from "zod";

/** RFC 1035 label, at most 40 characters: names of children are made from it. */
export const resourceName = z
  .string()
  .max(40)
  .regex(
    /^[a-z]([-a-z0-9]*[a-z0-9])?$/,
    "must be lower-case letters, digits and '-', starting with a letter (RFC 1035)",
  );

/** A Kubernetes quantity of bytes: `10Gi`, `500M`, `1024`. */
export const quantity = z
  .string()
  .max(20)
  .regex(/^\d{1,15}(k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$/, "must be an amount such as 10Gi");

export const secretKeyRef = z.strictObject({ name: z.string().min(1).max(253), key: z.string().min(1).max(253) });
export const nameRef = z.strictObject({ name: z.string().min(1).max(253) });

/** Parts of a pod's specification that are handed on to Kubernetes as they are. */
const passedOn = z.record(z.string().max(253), z.unknown());
const passedOnList = z.array(z.record(z.string().max(253), z.unknown())).max(64);
const stringMap = z.record(z.string().max(317), z.string().max(4096));

export const podTemplate = z.strictObject({
  labels: stringMap.optional(),
  annotations: stringMap.optional(),
  resources: passedOn.optional(),
  nodeSelector: stringMap.optional(),
  tolerations: passedOnList.optional(),
  affinity: passedOn.optional(),
  topologySpreadConstraints: passedOnList.optional(),
  priorityClassName: z.string().max(253).optional(),
  imagePullSecrets: z.array(nameRef).max(16).optional(),
  imagePullPolicy: z.enum(["Always", "IfNotPresent", "Never"]).optional(),
  securityContext: passedOn.optional(),
  serviceAccountName: z.string().max(253).optional(),
  terminationGracePeriodSeconds: z.int().min(0).max(86_400).optional(),
  env: passedOnList.optional(),
  volumes: passedOnList.optional(),
  sidecars: passedOnList.optional(),
});

/** What of `metadata` the program reads; the rest belongs to Kubernetes. */
export const objectMeta = z.looseObject({ name: resourceName, namespace: z.string().max(63).optional() });

export const API_VERSION = "pika.io/v1alpha1";
