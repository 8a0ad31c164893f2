#!/bin/bash
# tests/dnssec/with-dnsviz.sh [GEOSTEER]: dnsviz, which draws what is wrong with signed zones, must find no error in the signed
# zone of the tests: static and balanced names, aliases inside the zone, wildcards, empty non-terminals, names that do not exist and types that
# a name has not, over UDP and TCP, IPv4 and IPv6, with EDNS and without.
# In a network namespace of its own, where the name servers have addresses as the public's (dnsviz calls others an error).
# Needs dnsviz, named (dnsviz has it stand for the parent), dig, python3, ip and unshare, and root.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ "${1:-}" != inside ]; then
    geosteer=$(realpath "${1:-${CARGO_TARGET_DIR:-target}/debug/geosteer}")
    for tool in dnsviz named dig python3 ip unshare "$geosteer"; do
        command -v "$tool" >/dev/null || { echo "with-dnsviz: $tool is missing" >&2; exit 2; }
    done
    exec unshare --net "$0" inside "$geosteer"
fi
geosteer=$2
export GEOSTEER_USER=${GEOSTEER_USER:-root}
work=$(mktemp -d)
pid=
finish() {
    [ -z "$pid" ] || { kill "$pid" && wait "$pid"; } 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

v4=(11.22.33.44 11.22.34.44) v6=(2600:1f00::44 2600:1f01::44)
ip link set lo up
# A way to the rest of the world, or dnsviz asks nobody: it leads nowhere.
ip link add out type veth peer name nobody
ip address add 11.22.35.44/32 dev out
ip address add 2600:1f02::44/128 dev out nodad
ip link set nobody up
ip link set out up
ip route add default dev out
ip -6 route add default dev out
for address in "${v4[@]}"; do ip address add "$address/32" dev lo; done
for address in "${v6[@]}"; do ip address add "$address/128" dev lo nodad; done

# The zone of the tests with two name servers that are here.
mkdir "$work/zones"
python3 - "$work/zones/example.com.toml" "${v4[@]}" "${v6[@]}" <<'PY'
import sys
out, a1, a2, b1, b2 = sys.argv[1:]
text = open("tests/dnssec/example.com.toml").read()
ns = '"ns1.example.com.", "ns2.example.net"'
glue = "ns1 A 192.0.2.53\n"
assert ns in text and glue in text
text = text.replace(ns, '"ns1.example.com.", "ns2.example.com."')
open(out, "w").write(text.replace(glue, f"ns1 A {a1}\nns1 AAAA {b1}\nns2 A {a2}\nns2 AAAA {b2}\n"))
PY
cat >"$work/geosteer.toml" <<CONF
zones = ["zones"]
state = "state"
[dns]
listen = ["${v4[0]}:53", "${v4[1]}:53", "[${v6[0]}]:53", "[${v6[1]}]:53"]
[admin]
listen = "off"
CONF
"$geosteer" dnssec init example.com --config "$work/geosteer.toml" >/dev/null
(cd "$work" && exec "$geosteer" run --config geosteer.toml 2>server.log) &
pid=$!
for _ in $(seq 100); do
    [ -z "$(dig +short +time=1 +tries=1 "@${v4[0]}" static.example.com)" ] || break
done

ds=$("$geosteer" dnssec ds example.com --config "$work/geosteer.toml" | sed 's/.* DS //')
servers="ns1.example.com=${v4[0]},ns1.example.com=[${v6[0]}],ns2.example.com=${v4[1]},ns2.example.com=[${v6[1]}]"
printf '%s\n' example.com static.example.com www.example.com svc.example.com texts.example.com many.example.com \
    crowd.example.com alias.example.com chain.example.com x.wild.example.com x.wcname.example.com a.tenant.example.com \
    empty.nodes.example.com x.moved.example.com mail.example.com towww.example.com none.example.com nodes.example.com >"$work/names"
dnsviz probe -A -E -t 4 -a example.com -N "example.com:$servers" -D "example.com:$ds" -f "$work/names" \
    -o "$work/probe.json" 2>"$work/probe.log" || { cat "$work/probe.log"; exit 1; }
# What the zone says of itself is trusted: there is no parent here beside what was given.
dig +short "@${v4[0]}" example.com DNSKEY | sed 's/^/example.com. 300 IN DNSKEY /' >"$work/anchor"
dnsviz grok -r "$work/probe.json" -t "$work/anchor" -o "$work/grok.json"
dnsviz print -r "$work/probe.json" -t "$work/anchor" >"$work/print.txt" || true
python3 - "$work/grok.json" <<'PY'
import json, sys
names, found, status = json.load(open(sys.argv[1])), {"errors": [], "warnings": []}, {}
def walk(node, path):
    if isinstance(node, dict):
        for key, value in node.items():
            if key in found:
                found[key] += [(" ".join(path), one.get("code"), one.get("description")) for one in value]
            elif key == "status" and isinstance(value, str):
                status[value] = status.get(value, 0) + 1
            walk(value, [*path, key] if len(path) < 4 else path)
    elif isinstance(node, list):
        for value in node:
            walk(value, path)
walk(names, [])
print(f"dnsviz: {len(names)} names, {len(found['errors'])} errors, {len(found['warnings'])} warnings; by status:",
      ", ".join(f"{key} {count}" for key, count in sorted(status.items())))
for kind in found:
    for one in found[kind]:
        print(kind[:-1], *one)
sys.exit(bool(found["errors"]) or not names)
PY
[ -z "${VERBOSE:-}" ] || cat "$work/print.txt"
