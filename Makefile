# What people do here, one target each. `make help` lists them.
# Everything runs with the Node of node_modules/ (package `node`), whatever Node the shell has.

NODE := node_modules/node/bin/node
VITEST := $(NODE) node_modules/vitest/vitest.mjs
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

node_modules/.installed: package.json package-lock.json
	npm ci --no-audit --no-fund --loglevel=error
	@test -x $(NODE) || { echo "the npm package 'node' did not install its binary: is npm allowed to run install scripts?" >&2; exit 1; }
	@touch $@

.PHONY: install
install: node_modules/.installed ## install the packages and Node 26

.PHONY: up
up: install ## run the quickstart cluster on this machine
	bin/pika up -f examples/quickstart.yaml

.PHONY: check
check: install ## types, format and lint
	tsc -p .
	biome check .

.PHONY: test
test: check test-tools ## everything that must pass
	$(VITEST) run --project unit
	$(VITEST) run --project e2e

.PHONY: test-tools
test-tools: install ## install what the tests run beside us (redis-server, redis-tools, etcd, kube-apiserver, helm), where this machine can
	@test/support/install-tools.sh
	@$(NODE) test/kube/build-tools.ts control-plane

.PHONY: kube-tools
kube-tools: install ## install and build, once a machine, what the test cluster runs (needs root and Go)
	@test/kube/install-tools.sh
	$(NODE) test/kube/build-tools.ts

.PHONY: kube-up
kube-up: kube-tools build ## start a Kubernetes of three nodes on this machine, and print how to reach it
	@$(NODE) test/kube/kube.ts up

.PHONY: kube-down
kube-down: install ## end it, and remove what crashed test clusters left
	@$(NODE) test/kube/kube.ts down

.PHONY: kube-test
kube-test: kube-tools build ## test what needs a whole Kubernetes
	$(VITEST) run --project cluster

.PHONY: build
build: install ## emit JavaScript to dist/ for the image and the npm package
	rm -rf dist && tsc -p tsconfig.build.json && cp package.json dist/

.PHONY: install-yaml
install-yaml: install ## render the chart to dist/install.yaml (needs helm, or make test-tools); IMAGE=… names another image
	$(NODE) test/chart/write-install-manifest.ts $(IMAGE)

.PHONY: docs
docs: install ## write docs/reference/, crds/ and the chart's copy of them from the program
	$(NODE) test/support/write-references.ts

.PHONY: bench
bench: install test-tools ## measure beside redis-server and write docs/benchmarks.md
	$(NODE) test/bench/run.ts

.PHONY: clean
clean: ## remove what was built
	rm -rf dist coverage
