#!/bin/bash
# tests/dnssec/as-zone-file.sh [GEOSTEER]: the signed zone of the tests, walked along its NSEC chain by a client of Europe and
# written down as a zone file, must be a whole and rightly signed zone to three programs that others wrote:
# dnssec-verify (bind9-utils), ldns-verify-zone (ldnsutils) and kzonecheck (knot-dnssecutils).
# Needs dig and python3 as well. Loopback only, no root.
set -euo pipefail
cd "$(dirname "$0")/../.."
geosteer=$(realpath "${1:-${CARGO_TARGET_DIR:-target}/debug/geosteer}")
for tool in dig python3 dnssec-verify ldns-verify-zone kzonecheck "$geosteer"; do
    command -v "$tool" >/dev/null || { echo "as-zone-file: $tool is missing" >&2; exit 2; }
done
export GEOSTEER_USER=${GEOSTEER_USER:-root}
work=$(mktemp -d)
pid=
finish() {
    [ -z "$pid" ] || { kill "$pid" && wait "$pid"; } 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
port=$((20000 + RANDOM % 10000))
mkdir "$work/zones"
cp tests/dnssec/example.com.toml "$work/zones"
cat >"$work/geosteer.toml" <<CONF
zones = ["zones"]
state = "state"
[dns]
listen = ["127.0.0.1:$port"]
[admin]
listen = "off"
CONF
cat >"$work/walk.py" <<'PY'
import subprocess, sys
port, zone, out = sys.argv[1], "example.com.", sys.argv[2]
def dig(section, *words):
    command = ["dig", "@127.0.0.1", "-b", "127.1.0.1", "-p", port, "+norec", "+dnssec", "+tcp", "+noall", *section, *words]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [line.split() for line in lines if line and line[0] != ";"]
def of(records, owner, rtype):
    return [one for one in records if one[0].lower() == owner and (one[3] == rtype or one[3] == "RRSIG" and one[4] == rtype)]
records, owner, owners = [], zone, 0
while True:
    nsec = of(dig(["+answer"], owner, "NSEC"), owner, "NSEC")
    if not nsec:
        # A cut: the record is in the proof that the name behind it does not exist.
        first, rest = owner.split(".", 1)
        nsec = of(dig(["+authority"], f"{first}-.{rest}", "A"), owner, "NSEC")
    records += nsec
    owners += 1
    line = next(one for one in nsec if one[3] == "NSEC")
    for rtype in line[5:]:
        if rtype == "NS" and owner != zone:
            records += [one for one in dig(["+authority", "+additional"], owner, "NS") if one[3] in ("NS", "A", "AAAA")]
        elif rtype not in ("RRSIG", "NSEC"):
            records += of(dig(["+answer"], owner, rtype), owner, rtype)
    owner = line[4].lower()
    if owner == zone:
        break
lines = list(dict.fromkeys(" ".join(one) for one in records))
lines.sort(key=lambda line: " IN SOA " not in line)
open(out, "w").write("\n".join(lines) + "\n")
print(f"as-zone-file: {owners} names, {len(lines)} records")
PY
"$geosteer" dnssec init example.com --config "$work/geosteer.toml" --split >/dev/null
"$geosteer" run --config "$work/geosteer.toml" 2>"$work/log" &
pid=$!
for _ in $(seq 100); do
    dig @127.0.0.1 -p "$port" +short +time=1 +tries=1 static.example.com A 2>/dev/null | grep -q '^192' && break
    sleep 0.1
done
python3 "$work/walk.py" "$port" "$work/zone" || { cat "$work/log" >&2; exit 1; }
dnssec-verify -o example.com "$work/zone"
ldns-verify-zone "$work/zone"
kzonecheck -o example.com "$work/zone"
echo "as-zone-file: verified by three programs"
