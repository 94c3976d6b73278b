#!/bin/sh
# Installs the programs that tests run beside ours: redis-server, redis-cli and redis-benchmark to compare with,
# etcd for the metadata store, unzip to unpack helm. Where that cannot be done it says so, and under CI=true it fails.
set -u
tools="redis-server redis-cli redis-benchmark etcd unzip"
missing=
for tool in $tools; do
  command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
done
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "installing:$missing"
  # No services: the packages' own servers must not start and hold ports.
  policy=/usr/sbin/policy-rc.d
  if [ -e "$policy" ]; then policy=; else printf '#!/bin/sh\nexit 101\n' > "$policy" && chmod +x "$policy"; fi
  apt-get update -q >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -qy redis-server redis-tools etcd-server unzip >/dev/null
  [ -n "$policy" ] && rm -f "$policy"
fi

still=
for tool in $tools; do
  command -v "$tool" >/dev/null 2>&1 || still="$still $tool"
done
[ -z "$still" ] && exit 0
echo "not installed:$still. Tests that need them will not run (Debian: apt-get install redis-server redis-tools etcd-server unzip)." >&2
[ "${CI:-}" = true ] && exit 1
exit 0
