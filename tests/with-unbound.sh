#!/bin/bash
# tests/with-unbound.sh [GEOSTEER]: a real resolver in front of geosteer. unbound with `send-client-subnet` and a stub
# zone asks geosteer; clients of different networks must get their own region's address, and, once geosteer is
# stopped, get it again from unbound's cache, neighbours inside an announced scope included.
# Needs unbound (built with --enable-subnet, as Debian's is) and dig. Loopback only, no root.
set -euo pipefail
cd "$(dirname "$0")/.."
geosteer=${1:-${CARGO_TARGET_DIR:-target}/debug/geosteer}
for tool in unbound dig "$geosteer"; do
    command -v "$tool" >/dev/null || { echo "with-unbound: $tool is missing" >&2; exit 2; }
done

work=$(mktemp -d)
pids=()
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
fail() {
    echo "with-unbound: $1" >&2
    tail -n 5 "$work"/*.log >&2
    exit 1
}

# Below the ports that the system gives to whoever asks for any.
server=$((20000 + RANDOM % 10000))
resolver=$((server - 10000))
mkdir "$work/zones"
cat >"$work/zones/example.com.toml" <<'ZONE'
zone = "example.com"
ns   = ["ns1.example.net"]
ttl  = 300
[regions]
europe  = { continents = ["EU"] }
north   = { continents = ["NA"] }
south   = { continents = ["SA"] }
asia    = { continents = ["AS"] }
oceania = { continents = ["OC"] }
[pools]
lon = { check = "none", endpoints = ["192.0.2.10"] }
nyc = { check = "none", endpoints = ["198.51.100.10"] }
sao = { check = "none", endpoints = ["198.51.100.20"] }
tyo = { check = "none", endpoints = ["203.0.113.10"] }
syd = { check = "none", endpoints = ["203.0.113.20"] }
any = { check = "none", endpoints = ["192.0.2.99"] }
[names.www.policy]
europe  = ["lon"]
north   = ["nyc"]
south   = ["sao"]
asia    = ["tyo"]
oceania = ["syd"]
default = ["any"]
ZONE
cat >"$work/unbound.conf" <<CONF
server:
  interface: 127.0.0.1@$resolver
  username: ""
  chroot: ""
  directory: "$work"
  pidfile: ""
  use-syslog: no
  do-not-query-localhost: no
  access-control: 127.0.0.0/8 allow
  module-config: "subnetcache iterator"
  send-client-subnet: 127.0.0.1
  max-client-subnet-ipv4: 24
  max-client-subnet-ipv6: 56
remote-control:
  control-enable: no
stub-zone:
  name: "example.com"
  stub-addr: 127.0.0.1@$server
CONF

GEOSTEER_USER=root "$geosteer" run --zones "$work/zones" --listen "127.0.0.1:$server" >"$work/geosteer.log" 2>&1 &
pids+=($!)
unbound -d -c "$work/unbound.conf" >"$work/unbound.log" 2>&1 &
pids+=($!)

ask() { dig @127.0.0.1 -p "$resolver" +short +time=2 +tries=1 "+subnet=$1" www.example.com A 2>/dev/null; }
ready=no
for _ in $(seq 100); do
    if dig @127.0.0.1 -p "$server" +short +time=1 +tries=1 www.example.com A 2>/dev/null | grep -q '^[0-9]' &&
        dig @127.0.0.1 -p "$resolver" +short +time=1 +tries=1 localhost A 2>/dev/null | grep -q '^127'; then
        ready=yes
        break
    fi
    sleep 0.1
done
[ "$ready" = yes ] || fail "the servers did not start"

clients="193.0.6.0/24=192.0.2.10 128.101.101.0/24=198.51.100.10 200.160.2.0/24=198.51.100.20
133.11.0.0/24=203.0.113.10 129.78.5.0/24=203.0.113.20 137.158.1.0/24=192.0.2.99 2001:67c:2e8::/48=192.0.2.10"
check() {
    for pair in $clients; do
        got=$(ask "${pair%=*}")
        [ "$got" = "${pair#*=}" ] || fail "$1: the client ${pair%=*} got '$got', not ${pair#*=}"
    done
}
check "through unbound"
scope=$(dig @127.0.0.1 -p "$resolver" +subnet=193.0.6.0/24 www.example.com A | sed -n 's/.*CLIENT-SUBNET: 193.0.6.0\/24\/\([0-9]*\).*/\1/p')
[ "${scope:-0}" -gt 0 ] && [ "$scope" -lt 24 ] || fail "a scope between 0 and 24 was expected, not '$scope'"

kill "${pids[0]}"
wait "${pids[0]}" || fail "geosteer did not end with 0"
check "from unbound's cache"
neighbour=$(ask 193.0.7.0/24)
[ "$neighbour" = 192.0.2.10 ] || fail "the neighbour within scope /$scope got '$neighbour' from the cache"
echo "with-unbound: clients of seven networks get their own region, from the cache as well (scope /$scope)"
