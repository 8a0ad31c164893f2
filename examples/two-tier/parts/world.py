"""Everything that runs beside the clients: nine servers, three load balancers, the prober's network, geosteer."""

import asyncio
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
BALANCER = {"europe": "127.16.1.1", "americas": "127.16.2.1", "asia": "127.16.3.1"}
PROBED = {region: f"{address}00" for region, address in BALANCER.items()}
# What always answers, and where the prober reaches it.
CANARY, CANARY_PROBED = "127.16.9.1", "127.16.9.100"
SERVERS = ["one", "two", "three"]
HOLD_S = 0.25


class Missing(Exception):
    """A program that is needed is not installed, or does not start."""


def free_port(addresses):
    """A TCP port that is free on all of these."""
    while True:
        sockets = [socket.socket() for _ in addresses]
        try:
            sockets[0].bind((addresses[0], 0))
            port = sockets[0].getsockname()[1]
            for other, address in zip(sockets[1:], addresses[1:]):
                other.bind((address, port))
            return port
        except OSError:
            continue
        finally:
            for used in sockets:
                used.close()


def geosteer_program(told):
    """The program to run: as told, or what cargo built last."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", HERE.parents[2] / "target"))
    built = [path for path in (target / "release/geosteer", target / "debug/geosteer") if path.exists()]
    found = told or max(built, key=lambda path: path.stat().st_mtime, default=None)
    if not found:
        raise Missing("there is no geosteer yet: cargo build --release")
    return str(found)


class World:
    """Starts and ends processes; `close` ends all of them."""

    def __init__(self, geosteer, settings):
        """`settings` are keys of the zone file with the values to put in place of those that stand there."""
        self.haproxy = shutil.which("haproxy", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
        if not self.haproxy:
            raise Missing("haproxy is not installed: apt-get install haproxy")
        self.geosteer = geosteer_program(geosteer)
        self.folder = tempfile.TemporaryDirectory(prefix="two-tier-")
        self.processes = {}
        servers = [self.server_address(region, server) for region in BALANCER for server in SERVERS]
        self.port = free_port([*BALANCER.values(), *servers])
        self.health_port = free_port([*BALANCER.values(), *PROBED.values(), CANARY, CANARY_PROBED])
        self.zone = (HERE.parent / "two-tier.example.com.toml").read_text()
        for key, value in {"port": self.health_port, **settings}.items():
            self.zone, count = re.subn(rf"(?m)^({key} *= ).*$", rf"\g<1>{value}", self.zone)
            assert count == 1, f"the zone sets {key} {count} times"
        self.server = (HERE.parent / "geosteer.toml").read_text().replace(":8404/", f":{self.health_port}/")

    def server_address(self, region, server):
        return f"{BALANCER[region]}{SERVERS.index(server) + 1}"

    def start(self, name, command, environment=None):
        """Starts a process with its output in a file of its name; it ends with its standard input, or is ended."""
        with open(self.log(name), "ab") as log:
            self.processes[name] = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=log, env={**os.environ, **(environment or {})}
            )

    def log(self, name):
        return pathlib.Path(self.folder.name) / f"{name}.log"

    def start_server(self, region, server):
        self.start_backend(f"{region}-{server}", self.server_address(region, server), self.port)

    def start_backend(self, name, address, port):
        self.start(name, [sys.executable, HERE / "backend.py", address, str(port), str(HOLD_S)])

    def start_balancer(self, region):
        environment = {
            "ADDRESS": BALANCER[region],
            "SERVERS": BALANCER[region],
            "PORT": str(self.port),
            "HEALTH_PORT": str(self.health_port),
        }
        self.start(f"{region}-lb", [self.haproxy, "-db", "-f", HERE.parent / "haproxy.cfg"], environment)

    async def start_region(self, region):
        for server in SERVERS:
            self.start_server(region, server)
        for server in SERVERS:
            await self.listening(f"{region}-{server}", self.server_address(region, server), self.port)
        self.start_balancer(region)
        await self.listening(f"{region}-lb", BALANCER[region], self.port)

    def kill_region(self, region):
        """All of it at once, and without a farewell."""
        for name in ["lb", *SERVERS]:
            self.kill(f"{region}-{name}")

    def kill(self, name):
        process = self.processes.pop(name)
        process.kill()
        process.wait()
        process.stdin.close()

    async def start_gate(self):
        """The prober's network, to the load balancers and to what always answers."""
        self.start_backend("canary", CANARY, self.health_port)
        await self.listening("canary", CANARY, self.health_port)
        routes = {CANARY_PROBED: CANARY, **{PROBED[region]: address for region, address in BALANCER.items()}}
        words = [f"{source}={target}" for source, target in routes.items()]
        self.start("gate", [sys.executable, HERE / "gate.py", str(self.health_port), *words])
        for source in routes:
            await self.listening("gate", source, self.health_port)

    def cut(self, cut):
        """Cuts the prober's network, or mends it."""
        self.processes["gate"].send_signal(signal.SIGSTOP if cut else signal.SIGCONT)

    async def start_geosteer(self):
        """Gives the address at which it answers."""
        folder = pathlib.Path(self.folder.name)
        zone, server = folder / "two-tier.example.com.toml", folder / "geosteer.toml"
        zone.write_text(self.zone)
        server.write_text(self.server)
        where = ["--config", server, "--zones", zone, "--state", folder / "state"]
        self.start("geosteer", [self.geosteer, "run", *where, "--listen", "127.0.0.1:0", "--admin", "off"],
                   {"GEOSTEER_USER": "root"})
        listening = lambda: re.search(r"udp=127\.0\.0\.1:(\d+)", self.log("geosteer").read_text())
        await self.until("geosteer", listening)
        return "127.0.0.1", int(listening()[1])

    async def listening(self, name, address, port):
        def open_now():
            with socket.socket() as probe:
                return probe.connect_ex((address, port)) == 0

        await self.until(name, open_now)

    async def until(self, name, done):
        """Waits for a process that was just started."""
        deadline = time.monotonic() + 60
        while not done():
            if self.processes[name].poll() is not None or time.monotonic() > deadline:
                raise Missing(f"{name} does not start:\n{self.log(name).read_text()}")
            await asyncio.sleep(0.02)

    async def connections(self, region):
        """What the region's load balancer reports; none if it does not answer."""
        try:
            reader, writer = await asyncio.open_connection(BALANCER[region], self.health_port)
        except OSError:
            return None
        try:
            writer.write(b"GET /load.json HTTP/1.0\r\n\r\n")
            found = re.search(rb'"connections": (\d+)', await reader.read())
            return int(found[1]) if found else None
        except OSError:
            return None
        finally:
            writer.close()

    def close(self):
        for process in self.processes.values():
            process.kill()
        for process in self.processes.values():
            process.wait()
            process.stdin.close()
        self.processes.clear()
        self.folder.cleanup()
