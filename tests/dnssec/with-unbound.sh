#!/bin/bash
# tests/dnssec/with-unbound.sh [GEOSTEER]: a validating resolver with client subnets in front of a signed zone, under load,
# while the zone's key is rolled from its first step to its last and a site fails and comes back after each of them. No
# answer may be bogus: not one SERVFAIL, every answer with AD, nothing in unbound's log about a failed validation.
#
# The parent is a signed zone of the same server; its DS records follow `geosteer dnssec ds`, as a registrar would do it.
# Waiting for memories is short, since unbound is told to remember nothing for longer than two seconds; `--force` stands
# for the days that a rollover takes.
#
# Needs unbound (built with --enable-subnet, as Debian's is), dig and python3. Loopback only, no root. SECONDS_A_STEP=6.
set -euo pipefail
cd "$(dirname "$0")/../.."
geosteer=$(realpath "${1:-${CARGO_TARGET_DIR:-target}/debug/geosteer}")
for tool in unbound dig python3 "$geosteer"; do
    command -v "$tool" >/dev/null || { echo "with-unbound: $tool is missing" >&2; exit 2; }
done
pause=${SECONDS_A_STEP:-6}
export GEOSTEER_USER=${GEOSTEER_USER:-root}

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
    for log in "$work"/*.log; do echo "-- $log" >&2; tail -n 15 "$log" >&2; done
    exit 1
}

server=$((20000 + RANDOM % 5000))
resolver=$((server + 5000))
site=$((server + 10000))
zone=gslb.example.test
mkdir "$work/zones"
cat >"$work/geosteer.toml" <<CONF
zones = ["zones"]
state = "state"
[dns]
listen = ["127.0.0.1:$server"]
[admin]
listen = "off"
[guard]
share = 100
CONF
parent() {
    cat >"$work/new" <<ZONE
zone = "example.test"
ns   = ["ns1.example.test."]
soa  = { minimum = 2 }
ttl  = 2
[dnssec]
enabled = true
[records]
text = """
ns1 A 127.0.0.1
gslb NS NS1
$(cat "$work/ds")
"""
ZONE
    mv "$work/new" "$work/zones/example.test.toml"
}
cat >"$work/zones/$zone.toml" <<ZONE
zone = "$zone"
ns   = ["ns1.example.test."]
soa  = { minimum = 2 }
ttl  = 2
[dnssec]
enabled = true
[records]
text = """
static A 192.0.2.1
static TXT "a"
alias CNAME www
*.wild A 192.0.2.2
deep.empty A 192.0.2.3
moved DNAME static
"""
[regions]
europe = { continents = ["EU"] }
[checks.site]
type     = "http"
port     = $site
interval = "1s"
timeout  = "500ms"
fall     = 2
rise     = 1
[pools]
lon = { check = "site", endpoints = [{ address = "192.0.2.10", check_address = "127.0.0.1" }] }
nyc = { check = "none", answers = 2, endpoints = ["198.51.100.1", "198.51.100.2", "198.51.100.3", "198.51.100.4", "198.51.100.5", "198.51.100.6"] }
[names.www]
policy = { europe = ["lon", "nyc"], default = ["nyc"] }
https  = { alpn = ["h2"] }
[names."*.tenant".policy]
europe  = ["lon", "nyc"]
default = ["nyc"]
[names.only]
policy   = { europe = { pools = ["lon"], geofence = true }, default = ["nyc"] }
ZONE

steer() { "$geosteer" "$@" --config "$work/geosteer.toml"; }
# What the registrar has.
vouch() { steer dnssec ds "$zone" | sed 's/ IN DS / 2 DS /' >"$work/ds"; parent; }
steer dnssec init example.test >/dev/null
steer dnssec init "$zone" >/dev/null
vouch
anchor=$(steer dnssec ds example.test)

cat >"$work/unbound.conf" <<CONF
server:
  interface: 127.0.0.1@$resolver
  username: ""
  chroot: ""
  directory: "$work"
  pidfile: ""
  use-syslog: no
  do-not-query-localhost: no
  local-zone: "test." nodefault
  access-control: 127.0.0.0/8 allow
  module-config: "subnetcache validator iterator"
  send-client-subnet: 127.0.0.1
  max-client-subnet-ipv4: 24
  trust-anchor: "$anchor"
  val-log-level: 2
  aggressive-nsec: yes
  cache-max-ttl: 2
  cache-max-negative-ttl: 2
  infra-host-ttl: 5
remote-control:
  control-enable: no
stub-zone:
  name: "example.test"
  stub-addr: 127.0.0.1@$server
stub-zone:
  name: "$zone"
  stub-addr: 127.0.0.1@$server
CONF

# The load: every kind of answer, for clients of two regions. It writes what it saw when it is told to end.
cat >"$work/load.py" <<'PY'
import random, signal, socket, struct, sys, time
port, zone, out = int(sys.argv[1]), sys.argv[2], sys.argv[3]
A, TXT, MX, HTTPS, DNSKEY, CDS = 1, 16, 15, 65, 48, 59
random.seed(7)
subnets = [bytes([193, 0, 6]), bytes([128, 101, 101])]
def label(): return "l%x" % random.getrandbits(40)
kinds = [("static", A), ("static", TXT), ("static", MX), ("www", A), ("www", HTTPS), ("www", MX), ("alias", A), ("only", A),
         ("deep.empty", A), ("empty", A), ("%.wild", A), ("%.wild", TXT), ("%.tenant", A), ("%.tenant", TXT), ("%.moved", A),
         ("%", A), ("%.%", A), ("", DNSKEY), ("", CDS)]
def message(number, name, rtype, subnet):
    labels = [part for part in (name + "." + zone).split(".") if part]
    wire = b"".join(bytes([len(part)]) + part.encode() for part in labels) + b"\0"
    ecs = struct.pack("!HHHBB", 8, 7, 1, 24, 0) + subnet
    opt = b"\0" + struct.pack("!HHIH", 41, 1232, 0x8000, len(ecs)) + ecs
    return struct.pack("!HHHHHH", number, 0x0120, 1, 0, 0, 1) + wire + struct.pack("!HH", rtype, 1) + opt
seen = {"asked": 0, "answered": 0, "servfail": 0, "without AD": 0, "lost": 0}
by_kind, slow, over = {}, [], False
def end(*_):
    global over
    over = True
signal.signal(signal.SIGTERM, end)
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.connect(("127.0.0.1", port))
sock.settimeout(0.05)
open_, number = {}, 0
while not over:
    for _ in range(16):
        name, rtype = random.choice(kinds)
        while "%" in name: name = name.replace("%", label(), 1)
        number = (number + 1) % 65536
        if number in open_: continue
        open_[number] = (time.monotonic(), name, rtype)
        sock.send(message(number, name, rtype, random.choice(subnets)))
        seen["asked"] += 1
    stop = time.monotonic() + 0.02
    while time.monotonic() < stop:
        try: reply = sock.recv(4096)
        except (TimeoutError, socket.timeout): break
        except ConnectionRefusedError: continue
        got, flags = struct.unpack("!HH", reply[:4])
        if got not in open_: continue
        began, name, rtype = open_.pop(got)
        seen["answered"] += 1
        slow.append(time.monotonic() - began)
        kind = (flags & 15, rtype)
        by_kind[kind] = by_kind.get(kind, 0) + 1
        if flags & 15 not in (0, 3):
            seen["servfail"] += 1
            print("rcode", flags & 15, name, rtype, time.strftime("%X"), file=sys.stderr, flush=True)
        elif not flags & 0x20:
            seen["without AD"] += 1
            print("no AD", name, rtype, time.strftime("%X"), file=sys.stderr, flush=True)
    late = time.monotonic() - 10
    for got in [got for got, (began, *_) in open_.items() if began < late]:
        print("lost", open_.pop(got), file=sys.stderr, flush=True)
        seen["lost"] += 1
slow.sort()
with open(out, "w") as file:
    print(" ".join(f"{key.replace(' ', '_')}={value}" for key, value in seen.items()),
          f"kinds={len(by_kind)} p50_ms={1000 * slow[len(slow) // 2]:.1f} p99_ms={1000 * slow[len(slow) * 99 // 100]:.1f}", file=file)
PY

"$geosteer" run --config "$work/geosteer.toml" >"$work/geosteer.log" 2>&1 &
pids+=($!)
unbound -d -c "$work/unbound.conf" >"$work/unbound.log" 2>&1 &
pids+=($!)
open_site() {
    python3 -m http.server --bind 127.0.0.1 --directory "$work/zones" "$site" >/dev/null 2>&1 &
    site_pid=$!
    pids+=("$site_pid")
}
open_site

ask() { dig @127.0.0.1 -p "$resolver" +dnssec +time=3 +tries=2 "+subnet=193.0.6.0/24" "$1" "$2" 2>/dev/null; }
is_there() { ask "www.$zone" A | grep -qE '[[:space:]]A[[:space:]]'"$1"; }
await() {
    for _ in $(seq 200); do
        is_there "$1" && return
        sleep 0.1
    done
    fail "Europe was not sent to $1: $(ask "www.$zone" A)"
}
await 192.0.2.10
ask "www.$zone" A | grep -q 'flags:.* ad' || fail "unbound does not validate: $(ask "www.$zone" A)"
python3 "$work/load.py" "$resolver" "$zone" "$work/seen" 2>"$work/load.log" &
load=$!
pids+=("$load")

step() {
    steer reload >/dev/null || fail "$1: no reload"
    sleep "$pause"
    kill "$site_pid" 2>/dev/null && wait "$site_pid" 2>/dev/null || true
    await 198.51.100.
    sleep "$pause"
    open_site
    await 192.0.2.10
    sleep "$pause"
    echo "with-unbound: $1: $(steer dnssec rollover status "$zone" | grep -c '^key') keys, unbound says $(grep -c 'validation failure' "$work/unbound.log" || true) bogus"
}
signs_with() { ask "static.$zone" A | awk '$4 == "RRSIG" { print $11; exit }'; }
first=$(signs_with)
step "one key"
steer dnssec rollover start "$zone" >/dev/null
vouch
step "the parent is told of the next key"
steer dnssec rollover next "$zone" --force >/dev/null
step "the zone has it"
steer dnssec rollover next "$zone" --force >/dev/null
step "it signs"
steer dnssec rollover next "$zone" --force >/dev/null
step "the old one is gone"
vouch
step "the parent has forgotten it"

kill -TERM "$load"
wait "$load" || true
[ -s "$work/seen" ] || fail "the load left nothing"
echo "with-unbound: $(cat "$work/seen")"
[ "$(signs_with)" != "$first" ] || fail "the key has not changed: $first"
grep -q 'servfail=0 without_AD=0 lost=0' "$work/seen" || fail "not every answer was validated"
if grep -i 'validation failure' "$work/unbound.log"; then fail "unbound found bogus answers"; fi
echo "with-unbound: a key was rolled and a site failed six times; every answer was secure"
