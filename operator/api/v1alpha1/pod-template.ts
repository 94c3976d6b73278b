/**
 * What a user may say of the pods of a role. Parts that are Kubernetes' own are handed on as they are: the API server
 * checks them when the StatefulSet is written.
 */

import { z } from "zod";
import { ATOMIC_LIST, boundedMap, listMap, nameRef } from "./fields.ts";

/** A part of a pod's specification in Kubernetes' own words. */
const passedOn = z.record(z.string().max(253), z.unknown());
/** Entries with a name, which several writers can own one by one. */
const namedList = z
  .array(z.looseObject({ name: z.string().min(1).max(253) }))
  .max(64)
  .meta(listMap("name"));
const passedOnList = z.array(passedOn).max(64).meta(ATOMIC_LIST);
const stringMap = boundedMap(z.string().max(4096), 64);

export const podTemplate = z
  .strictObject({
    labels: stringMap.optional().describe("Labels added to the pods; those of the operator win."),
    annotations: stringMap.optional().describe("Annotations added to the pods; those of the operator win."),
    resources: passedOn.optional().describe("Requests and limits of the main container."),
    nodeSelector: stringMap.optional().describe("Labels that a Kubernetes node must have."),
    tolerations: passedOnList.optional().describe("Taints of Kubernetes nodes that are tolerated."),
    affinity: passedOn.optional().describe("Affinity; absent, pods of a role avoid each other's nodes."),
    topologySpreadConstraints: passedOnList.optional().describe("How pods spread over domains."),
    priorityClassName: z.string().max(253).optional().describe("PriorityClass of the pods."),
    imagePullSecrets: z
      .array(nameRef)
      .max(16)
      .meta(listMap("name"))
      .optional()
      .describe("Secrets for pulling the image."),
    imagePullPolicy: z.enum(["Always", "IfNotPresent", "Never"]).optional().describe("When the image is pulled."),
    securityContext: passedOn.optional().describe("Pod security context, laid over the operator's restricted one."),
    serviceAccountName: z.string().max(253).optional().describe("ServiceAccount; absent, the operator makes one."),
    terminationGracePeriodSeconds: z
      .int()
      .min(0)
      .max(86_400)
      .optional()
      .describe("Seconds between the request to stop and the kill."),
    env: namedList.optional().describe("Environment variables added to the main container."),
    volumes: namedList.optional().describe("Volumes added to the pods, for sidecars."),
    sidecars: namedList.optional().describe("Containers that run beside the main one."),
  })
  .describe("What to add to the pods of this role.");
