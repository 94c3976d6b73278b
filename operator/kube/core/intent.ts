/**
 * What we want of an object against what is there. An intent holds only the fields that we mean; it is satisfied where
 * each of them has its value in the live object, whatever else the object has: defaults of the API server, fields of
 * others. Quantities are compared by value, lists with keys by key, empty values match absent ones.
 * Pure. It knows the keys of lists by their field's name; a list it does not know must be equal in order and length.
 */

import { isSameQuantity } from "./quantity.ts";

/** Fields that identify an element of a list (`x-kubernetes-list-map-keys` of the built-in types). */
const LIST_KEYS: Readonly<Record<string, readonly string[]>> = {
  containers: ["name"],
  initContainers: ["name"],
  volumes: ["name"],
  env: ["name"],
  imagePullSecrets: ["name"],
  secrets: ["name"],
  zones: ["name"],
  volumeMounts: ["mountPath"],
  volumeDevices: ["devicePath"],
  hostAliases: ["ip"],
  ownerReferences: ["uid"],
  conditions: ["type"],
  topologySpreadConstraints: ["topologyKey", "whenUnsatisfiable"],
};
const CONTAINER_PORT_KEYS = ["containerPort", "protocol"];
const SERVICE_PORT_KEYS = ["port", "protocol"];
/** A port without protocol is a TCP port. */
const KEY_DEFAULTS: Readonly<Record<string, unknown>> = { protocol: "TCP" };
/** Maps whose values are quantities, and fields that are one. */
const QUANTITY_MAPS = new Set(["limits", "requests", "capacity", "hard", "overhead"]);
const QUANTITY_FIELDS = new Set(["sizeLimit", "storage", "divisor"]);
/** Items of lists have no kind; it is given by where they were read. */
const NOT_COMPARED = new Set(["apiVersion", "kind"]);

type Fields = Readonly<Record<string, unknown>>;

/** The path of the first field of the intent that the live object has otherwise; undefined where it is satisfied. */
export function findDifference(intent: object, live: object): string | undefined {
  for (const [name, value] of Object.entries(intent)) {
    if (NOT_COMPARED.has(name)) continue;
    const found = differs(value, (live as Fields)[name], [name]);
    if (found) return found;
  }
  return undefined;
}

function differs(intent: unknown, live: unknown, path: readonly string[]): string | undefined {
  if (intent === undefined || intent === null) return undefined;
  if (live === undefined || live === null) return isEmpty(intent) ? undefined : path.join(".");
  if (Array.isArray(intent)) return Array.isArray(live) ? listDiffers(intent, live, path) : path.join(".");
  if (typeof intent === "object") {
    if (typeof live !== "object") return path.join(".");
    for (const [name, value] of Object.entries(intent)) {
      const found = differs(value, (live as Fields)[name], [...path, name]);
      if (found) return found;
    }
    return undefined;
  }
  if (intent === live) return undefined;
  if (isQuantity(path) && isSameQuantity(String(intent), String(live))) return undefined;
  return path.join(".");
}

function listDiffers(
  intent: readonly unknown[],
  live: readonly unknown[],
  path: readonly string[],
): string | undefined {
  const keys = keysOf(path.at(-1) ?? "", intent[0]);
  if (keys === undefined && intent.length !== live.length) return path.join(".");
  for (const [index, value] of intent.entries()) {
    const other = keys === undefined ? live[index] : live.find((candidate) => hasSameKeys(value, candidate, keys));
    if (keys !== undefined && other === undefined) return [...path, String(index)].join(".");
    const found = differs(value, other, [...path, String(index)]);
    if (found) return found;
  }
  return undefined;
}

function keysOf(field: string, element: unknown): readonly string[] | undefined {
  // A field may have the name of what every object has: `valueOf`.
  if (field !== "ports") return Object.hasOwn(LIST_KEYS, field) ? LIST_KEYS[field] : undefined;
  return typeof element === "object" && element !== null && "containerPort" in element
    ? CONTAINER_PORT_KEYS
    : SERVICE_PORT_KEYS;
}

function hasSameKeys(a: unknown, b: unknown, keys: readonly string[]): boolean {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return a === b;
  return keys.every((key) => ((a as Fields)[key] ?? KEY_DEFAULTS[key]) === ((b as Fields)[key] ?? KEY_DEFAULTS[key]));
}

function isQuantity(path: readonly string[]): boolean {
  return QUANTITY_MAPS.has(path.at(-2) ?? "") || QUANTITY_FIELDS.has(path.at(-1) ?? "");
}

/** What the API server leaves out of its answers. */
function isEmpty(value: unknown): boolean {
  if (value === "" || value === 0 || value === false) return true;
  return typeof value === "object" && value !== null && Object.values(value).every((inner) => inner === undefined);
}

/** JSON with the fields in the order of their names and without undefined ones: equal for equal values. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value ?? null);
  const fields = Object.entries(value)
    .filter(([, inner]) => inner !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, inner]) => `${JSON.stringify(name)}:${canonicalJson(inner)}`);
  return `{${fields.join(",")}}`;
}
