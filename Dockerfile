# One image for operator, managers and nodes; nobody but Node and the program is in it, and it runs as nobody in
# particular over a read-only root. test/kube/image-layout.ts says the same layout, and a test compares both.
#
#   docker build -t pika:0.1.0 .
#   docker build -t pika:0.1.0 --build-arg BASE_IMAGE=registry.example/base:1 .
#
# The base needs glibc, no older than the build image's, and nothing else: Node's other libraries are copied in.
ARG BUILD_IMAGE=docker.io/library/node:26-bookworm-slim
ARG BASE_IMAGE=gcr.io/distroless/base-debian12:nonroot

FROM ${BUILD_IMAGE} AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund --loglevel=error && test -x node_modules/node/bin/node
COPY tsconfig.json tsconfig.build.json ./
COPY bin bin
COPY node node
COPY operator operator
RUN set -eu; \
    node_modules/.bin/tsc -p tsconfig.build.json; \
    mkdir -p /image/usr/local/bin /image/app; \
    cp node_modules/node/bin/node /image/usr/local/bin/node; \
    for library in $(ldd node_modules/node/bin/node | grep -oE '/[^ ]*/lib(atomic|stdc\+\+|gcc_s)\.so\.[0-9]+'); do \
      folder=$(dirname "$library"); mkdir -p "/image/usr/${folder#/usr/}"; cp -L "$library" "/image/usr/${folder#/usr/}/"; \
    done; \
    cp -R dist/. package.json /image/app/; \
    npm prune --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error; \
    rm -rf node_modules/node node_modules/node-bin-* node_modules/.bin node_modules/.package-lock.json; \
    cp -R node_modules /image/app/

FROM ${BASE_IMAGE}
COPY --from=build /image/ /
ENV PATH=/usr/local/bin:/usr/bin:/bin \
    NODE_ENV=production \
    MALLOC_ARENA_MAX=2 \
    MALLOC_MMAP_THRESHOLD_=131072 \
    MALLOC_TRIM_THRESHOLD_=131072
WORKDIR /
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/node", "--max-semi-space-size=16", "/app/bin/pika.js"]
