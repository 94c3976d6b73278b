/**
 * The parameters of CONFIG that this server acts on, live, and those that say what is.
 */

import type { Parameter } from "./config.ts";
import { parseMemory } from "./config.ts";
import type { ListenerSettings } from "./listener.ts";
import type { OutputLimits } from "./output-limits.ts";
import type { SlowLog } from "./slow-log.ts";
import type { Statistics } from "./statistics.ts";

/** What live parameters change. */
export interface ServerSettings {
  readonly listener: ListenerSettings;
  outputLimits: OutputLimits;
  readonly statistics: Statistics;
  readonly slowLog: SlowLog;
}

const MAX_CLIENTS = 1_000_000;

function between(min: number, max: number): (value: string) => string | undefined {
  return (value) =>
    Number(value) >= min && Number(value) <= max ? undefined : `argument must be between ${min} and ${max} inclusive`;
}

/** The class `normal` of `client-output-buffer-limit`, which may name several classes; undefined where it is malformed. */
function readOutputLimits(value: string, current: OutputLimits): OutputLimits | undefined {
  const words = value.trim().split(/\s+/);
  if (words.length === 0 || words.length % 4 !== 0) return undefined;
  let limits = current;
  for (let i = 0; i < words.length; i += 4) {
    const [name = "", hard = "", soft = "", seconds = ""] = words.slice(i, i + 4);
    const hardBytes = parseMemory(hard);
    const softBytes = parseMemory(soft);
    if (!/^(normal|slave|replica|pubsub)$/i.test(name) || !/^\d{1,9}$/.test(seconds)) return undefined;
    if (hardBytes === undefined || softBytes === undefined) return undefined;
    if (name.toLowerCase() === "normal") limits = { hardBytes, softBytes, softSeconds: Number(seconds) };
  }
  return limits;
}

function showOutputLimits({ hardBytes, softBytes, softSeconds }: OutputLimits): string {
  return `normal ${hardBytes} ${softBytes} ${softSeconds} slave 0 0 0 pubsub 33554432 8388608 60`;
}

/** What was chosen at the start: it can be set to what it is. */
function chosenAtStart(is: () => string): (value: string) => string | undefined {
  return (value) =>
    value === is() ? undefined : "Unable to listen on this port or address: they are chosen at the start";
}

/** @param address where clients are listened to; the port in use. */
export function listParameters(
  settings: ServerSettings,
  address: { readonly host: string; readonly portOf: () => number },
): readonly Parameter[] {
  const port = () => String(address.portOf());
  const { listener, statistics, slowLog } = settings;
  const slowMicros = Number.isFinite(statistics.slowMs) ? 1000 * statistics.slowMs : -1;
  return [
    {
      name: "maxclients",
      value: String(listener.maxClients),
      kind: "number",
      check: between(1, MAX_CLIENTS),
      apply: (value) => {
        listener.maxClients = Number(value);
      },
    },
    {
      name: "timeout",
      value: String(listener.idleMs / 1000),
      kind: "number",
      check: between(0, 2 ** 31),
      apply: (value) => {
        listener.idleMs = 1000 * Number(value);
      },
    },
    {
      name: "slowlog-log-slower-than",
      value: String(slowMicros),
      kind: "number",
      check: between(-1, 2 ** 40),
      apply: (value) => {
        statistics.slowMs = Number(value) < 0 ? Number.POSITIVE_INFINITY : Number(value) / 1000;
      },
    },
    {
      name: "slowlog-max-len",
      value: String(slowLog.maxLength),
      kind: "number",
      check: between(0, 100_000),
      apply: (value) => {
        slowLog.maxLength = Number(value);
      },
    },
    {
      name: "client-output-buffer-limit",
      value: showOutputLimits(settings.outputLimits),
      kind: "text",
      check: (value) => (readOutputLimits(value, settings.outputLimits) ? undefined : "Wrong number of arguments"),
      apply: (value) => {
        settings.outputLimits = readOutputLimits(value, settings.outputLimits) ?? settings.outputLimits;
      },
    },
    { name: "databases", value: "1", kind: "number", isFixed: true },
    { name: "cluster-enabled", value: "no", kind: "yesno", isFixed: true },
    { name: "appendonly", value: "yes", kind: "yesno" },
    {
      name: "tcp-keepalive",
      value: String(listener.keepAliveMs / 1000),
      kind: "number",
      check: between(0, 2 ** 31),
      apply: (value) => {
        listener.keepAliveMs = 1000 * Number(value);
      },
    },
    { name: "port", value: "", read: port, kind: "number", check: chosenAtStart(port) },
    { name: "bind", value: address.host, kind: "text", check: chosenAtStart(() => address.host) },
  ];
}
