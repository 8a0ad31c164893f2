#!/bin/bash
# tests/with-kdig.sh [GEOSTEER]: Knot's kdig asks geosteer over TLS, HTTPS (GET and POST) and QUIC; the same client subnet gets
# the same address as over UDP, replies are padded, and the certificate is the one that was given.
# Needs kdig (knot-dnsutils) and openssl. Loopback only.
set -euo pipefail
cd "$(dirname "$0")/.."
geosteer=$(realpath "${1:-${CARGO_TARGET_DIR:-target}/debug/geosteer}")
for tool in kdig openssl "$geosteer"; do
    command -v "$tool" >/dev/null || { echo "with-kdig: $tool is missing" >&2; exit 2; }
done

work=$(mktemp -d)
pid=
finish() {
    if [ -n "$pid" ]; then kill "$pid" 2>/dev/null || true; fi
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
fail() {
    echo "with-kdig: $1" >&2
    tail -n 5 "$work/log" >&2
    exit 1
}

cd "$work"
mkdir zones
cat >zones/example.com.toml <<'ZONE'
zone = "example.com"
ns   = ["ns1.example.net"]
[regions]
europe = { continents = ["EU"] }
[pools]
fra = { check = "none", endpoints = ["192.0.2.10"] }
nyc = { check = "none", endpoints = ["198.51.100.10"] }
[names.www.policy]
europe  = ["fra"]
default = ["nyc"]
ZONE
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out chain.pem -days 2 \
    -subj /CN=ns1.example.net -addext subjectAltName=DNS:ns1.example.net 2>openssl.log
chmod 600 key.pem
cat >geosteer.toml <<'SERVER'
zones = ["zones"]
state = "state"
[dns]
listen       = "127.0.0.1:0"
tls_listen   = "127.0.0.1:0"
https_listen = "127.0.0.1:0"
quic_listen  = "127.0.0.1:0"
[tls]
certificate = "chain.pem"
key         = "key.pem"
SERVER
user=()
if [ "$(id -u)" = 0 ]; then user=(--user root); fi
"$geosteer" run "${user[@]}" --admin off --config geosteer.toml 2>log &
pid=$!
for _ in $(seq 300); do
    if grep -q 'transport="\?quic' log; then break; fi
    kill -0 "$pid" 2>/dev/null || fail "the server has ended"
    sleep 0.1
done
udp=$(sed -n 's/.*udp=127\.0\.0\.1:\([0-9]*\).*/\1/p' log | head -n 1)
of() { sed -n "s/.*transport=\"\?$1\"\? address=127\.0\.0\.1:\([0-9]*\).*/\1/p" log | head -n 1; }

ask() { timeout 30 kdig @127.0.0.1 -p "$1" "${@:2}" +subnet=193.0.6.0/24 www.example.com A 2>&1; }
for way in "$udp" "$(of tls) +tls" "$(of https) +https" "$(of https) +https-get" "$(of quic) +quic"; do
    read -r port options <<<"$way"
    said=$(ask "$port" ${options:+"$options"})
    grep -q '192\.0\.2\.10' <<<"$said" || fail "over ${options:-UDP}: $said"
    if [ -n "$options" ]; then
        grep -q 'Received 468 B' <<<"$said" || fail "no padding over $options: $said"
    fi
    echo "${options:-udp}: $(grep -o 'Received .*' <<<"$said")"
done
said=$(ask "$(of tls)" +tls +tls-ca=chain.pem +tls-hostname=ns1.example.net)
grep -q '192\.0\.2\.10' <<<"$said" || fail "the certificate was not taken: $said"
if ask "$(of tls)" +tls +tls-ca=chain.pem +tls-hostname=ns2.example.net | grep -q '192\.0\.2\.10'; then
    fail "a certificate for somebody else was taken"
fi
echo "with-kdig: all transports answered alike"
