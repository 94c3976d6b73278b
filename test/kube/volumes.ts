/**
 * The test cluster's provisioner: makes a local volume for each claim of its two classes, on the node that the
 * scheduler chose, grows it, and removes it with its claim. `disk` (the default) is a directory: it never fills.
 * `sized` is a tmpfs of the asked size: it can be full and grows by mounting it anew.
 */

import type { KubeApi, KubeObject } from "./kube-api.ts";
import type { SealedTree } from "./sealed-tree.ts";

const PROVISIONER = "pika.test/volumes";
const NODE_CHOSEN = "volume.kubernetes.io/selected-node";

export const STORAGE_CLASSES = ["disk", "sized"].map((name) => ({
  apiVersion: "storage.k8s.io/v1",
  kind: "StorageClass",
  metadata: { name, annotations: { "storageclass.kubernetes.io/is-default-class": `${name === "disk"}` } },
  provisioner: PROVISIONER,
  allowVolumeExpansion: true,
  reclaimPolicy: "Delete",
  volumeBindingMode: "WaitForFirstConsumer",
}));

interface Claim extends KubeObject {
  readonly spec: {
    readonly storageClassName?: string;
    readonly volumeName?: string;
    readonly accessModes: readonly string[];
    readonly resources: { readonly requests: { readonly storage: string } };
  };
  readonly status: { readonly phase?: string; readonly capacity?: { readonly storage: string } };
}

interface Volume extends KubeObject {
  readonly spec: { readonly storageClassName?: string; readonly local?: { readonly path: string } };
  readonly status: { readonly phase?: string };
}

export interface Place {
  readonly api: KubeApi;
  readonly tree: SealedTree;
  /** Where volumes are, a folder for each node. */
  readonly folder: string;
}

/** Looks once at all claims and volumes and does what is due. Can be asked again at any time. */
export async function tendVolumes(place: Place): Promise<void> {
  const classes = STORAGE_CLASSES.map(({ metadata }) => metadata.name);
  const isOurs = ({ spec }: Claim | Volume): boolean => classes.includes(spec.storageClassName ?? "");
  for (const claim of await place.api.list<Claim>("/api/v1/persistentvolumeclaims?resourceVersion=0")) {
    if (!isOurs(claim) || claim.metadata.deletionTimestamp !== undefined) continue;
    const node = claim.metadata.annotations?.[NODE_CHOSEN];
    const asked = claim.spec.resources.requests.storage;
    if (claim.status.phase === "Pending" && node !== undefined && !claim.spec.volumeName) {
      await provision(place, claim, node);
    } else if (claim.status.phase === "Bound" && toBytes(asked) > toBytes(claim.status.capacity?.storage ?? "0")) {
      await grow(place, claim);
    }
  }
  for (const volume of await place.api.list<Volume>("/api/v1/persistentvolumes?resourceVersion=0")) {
    if (isOurs(volume) && volume.status.phase === "Released") await remove(place, volume);
  }
}

async function provision({ api, tree, folder }: Place, claim: Claim, node: string): Promise<void> {
  const name = `pvc-${claim.metadata.uid}`;
  const path = `${folder}/${node}/${name}`;
  const storage = claim.spec.resources.requests.storage;
  await tree.run(["mkdir", "-p", path]);
  if (claim.spec.storageClassName === "sized" && !(await isMounted(tree, path))) {
    await tree.run(["mount", "-t", "tmpfs", "-o", `size=${toBytes(storage)},mode=0777`, "tmpfs", path]);
  }
  await tree.run(["chmod", "0777", path]);
  const { uid, name: claimName, namespace } = claim.metadata;
  const key = "kubernetes.io/hostname";
  await api.apply(`/api/v1/persistentvolumes/${name}`, {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name, annotations: { "pv.kubernetes.io/provisioned-by": PROVISIONER } },
    spec: {
      capacity: { storage },
      accessModes: claim.spec.accessModes,
      storageClassName: claim.spec.storageClassName,
      persistentVolumeReclaimPolicy: "Delete",
      local: { path },
      claimRef: { apiVersion: "v1", kind: "PersistentVolumeClaim", name: claimName, namespace, uid },
      nodeAffinity: {
        required: { nodeSelectorTerms: [{ matchExpressions: [{ key, operator: "In", values: [node] }] }] },
      },
    },
  });
}

async function grow({ api, tree }: Place, claim: Claim): Promise<void> {
  const storage = claim.spec.resources.requests.storage;
  const volume = await api.get<Volume>(`/api/v1/persistentvolumes/${claim.spec.volumeName}`);
  if (claim.spec.storageClassName === "sized" && volume.spec.local) {
    await tree.run(["mount", "-o", `remount,size=${toBytes(storage)}`, volume.spec.local.path]);
  }
  await api.patch(`/api/v1/persistentvolumes/${volume.metadata.name}`, { spec: { capacity: { storage } } });
  const { namespace, name } = claim.metadata;
  const status = { capacity: { storage }, conditions: [] };
  await api.patch(`/api/v1/namespaces/${namespace}/persistentvolumeclaims/${name}/status`, { status });
}

async function remove({ api, tree }: Place, volume: Volume): Promise<void> {
  const path = volume.spec.local?.path;
  if (path !== undefined) {
    if (await isMounted(tree, path)) await tree.run(["umount", path]);
    await tree.run(["rm", "-rf", path]);
  }
  await api.delete(`/api/v1/persistentvolumes/${volume.metadata.name}`);
}

async function isMounted(tree: SealedTree, path: string): Promise<boolean> {
  return (await tree.run(["cat", "/proc/mounts"])).includes(` ${path} `);
}

/** Bytes of a quantity: a whole number with a binary or decimal suffix. */
function toBytes(quantity: string): number {
  const match = /^(\d+)(Ki|Mi|Gi|Ti|k|M|G|T)?$/.exec(quantity);
  if (!match) throw new Error(`not a quantity the test cluster knows: ${quantity}`);
  const suffix = match[2] ?? "";
  const step = suffix.endsWith("i") ? 1024 : 1000;
  return Number(match[1]) * step ** ["", "k", "m", "g", "t"].indexOf(suffix.charAt(0).toLowerCase());
}
