#!/bin/sh
# Installs the system's part of the test cluster: container runtime, CNI plugins, packet filter. Says what is missing.
set -u
tools="etcd containerd runc ctr nft ip unshare nsenter setpriv openssl unzip"
list_missing() {
  for tool in $tools; do command -v "$tool" >/dev/null 2>&1 || printf ' %s' "$tool"; done
  [ -x /usr/lib/cni/bridge ] || printf ' cni-plugins'
}

missing=$(list_missing)
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "installing:$missing"
  # No services: the packages' own servers must not start and hold ports.
  policy=/usr/sbin/policy-rc.d
  if [ -e "$policy" ]; then policy=; else printf '#!/bin/sh\nexit 101\n' > "$policy" && chmod +x "$policy"; fi
  apt-get update -q >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends \
    etcd-server containerd runc containernetworking-plugins nftables iproute2 util-linux openssl unzip >/dev/null
  [ -n "$policy" ] && rm -f "$policy"
fi

missing=$(list_missing)
[ -z "$missing" ] && exit 0
echo "not installed:$missing. The test cluster will not run (Debian: containerd runc containernetworking-plugins nftables)." >&2
[ "${CI:-}" = true ] && exit 1
exit 0
