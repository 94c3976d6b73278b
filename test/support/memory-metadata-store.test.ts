import { SystemClock } from "../../node/base/clock.ts";
import { testMetadataStore } from "../contract/metadata-store.contract.ts";
import { MemoryMetadata, MemoryMetadataStore } from "./memory-metadata-store.ts";

testMetadataStore("memory", async () => new MemoryMetadataStore(new MemoryMetadata(new SystemClock())));
