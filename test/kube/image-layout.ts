/**
 * What is in the product's image and where: the one place that says it. The test cluster's image is made from it
 * without a registry, the Dockerfile gives the same, and dockerfile.test.ts compares both.
 */

/** Nobody in particular: the image runs as a user that is not root, and over a read-only root. */
export const USER = 65532;

export const PROGRAM_LAYOUT = {
  /** Node 26, alone. */
  node: "/usr/local/bin/node",
  /** What `make build` emits (bin/, node/, operator/, package.json), and node_modules without what only tests need. */
  program: "/app",
  entrypoint: ["/usr/local/bin/node", "--max-semi-space-size=16", "/app/bin/pika.js"],
  /** Why these: bin/pika. */
  environment: [
    "PATH=/usr/local/bin:/usr/bin:/bin",
    "NODE_ENV=production",
    "MALLOC_ARENA_MAX=2",
    "MALLOC_MMAP_THRESHOLD_=131072",
    "MALLOC_TRIM_THRESHOLD_=131072",
  ],
} as const;

export const IMAGES = {
  pause: "localhost/pause:1",
  program: "localhost/pika:test",
  etcd: "localhost/etcd:test",
} as const;
