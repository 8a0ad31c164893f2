"""The clients of the world: each asks its resolver where to go, goes there, and notes what it saw."""

import asyncio
import ipaddress
import math
import random
import time
from typing import NamedTuple

EUROPE, AMERICAS, ASIA, ELSEWHERE = "europe", "americas", "asia", "elsewhere"

# Networks of universities and research, by where the database places them.
NETWORKS = {
    # A stable choice among regions hashes a network's first 16 bits: of so few networks, those that fall as many would.
    EUROPE: ["193.0.6.0/24", "141.20.1.0/24", "130.88.20.0/24", "129.104.1.0/24", "150.214.1.0/24", "146.48.80.0/24"]
    + ["139.91.1.0/24", "147.32.1.0/24", "149.156.1.0/24", "130.238.1.0/24", "193.2.1.0/24", "195.113.1.0/24"],
    AMERICAS: ["128.101.101.0/24", "18.9.22.0/24", "200.160.2.0/24", "132.204.1.0/24", "131.243.1.0/24", "148.204.1.0/24"],
    ELSEWHERE: ["133.11.0.0/24", "129.78.5.0/24", "137.132.1.0/24", "143.248.1.0/24", "130.216.1.0/24", "166.111.1.0/24"],
}


class Request(NamedTuple):
    """One request of one client."""

    at: float  # when it began, seconds since the start
    until: float  # when it ended
    home: str  # where the client is
    to: str  # the region that it was sent to; empty: it got no address
    ok: bool  # it was answered


class Answer(NamedTuple):
    """One answer of the name server."""

    at: float
    until: float
    home: str
    to: str


class Crowd:
    """All clients, and the journal of what they saw."""

    def __init__(self, port, regions, began):
        """`regions` says which region an address belongs to; `began` is the journal's time 0."""
        self.port, self.regions, self.began = port, regions, began
        self.requests, self.answers, self.tasks, self.over = [], [], [], False
        self.homes = {ipaddress.ip_network(text): home for home, texts in NETWORKS.items() for text in texts}
        self.draw = random.Random(7)

    def now(self):
        return time.monotonic() - self.began

    def told(self, network, address):
        """The name server has answered."""
        now = self.now()
        self.answers.append(Answer(now, now, self.homes[network], self.regions[address]))

    def add(self, resolvers, count, homes=tuple(NETWORKS), until=math.inf):
        """Lets `count` clients of each of `homes` begin, in equal parts in its networks; they end at `until`."""
        for network in [network for network, home in self.homes.items() if home in homes]:
            for index in range(count // len(NETWORKS[self.homes[network]])):
                client = self.client(network, resolvers[index % len(resolvers)], until)
                self.tasks.append(asyncio.ensure_future(client))

    async def client(self, network, resolver, until):
        """One client: a request, a pause, until it is over."""
        await asyncio.sleep(self.draw.uniform(0, 0.7))
        while not self.over and self.now() < until:
            at, to, ok = self.now(), "", False
            try:
                address = (await resolver.lookup(network))[0]
                at, to = self.now(), self.regions[address]
                ok = await asyncio.wait_for(self.fetch(address), 2)
            except (OSError, EOFError, asyncio.TimeoutError):
                pass
            self.requests.append(Request(at, self.now(), self.homes[network], to, ok))
            await asyncio.sleep(self.draw.uniform(0.3, 0.7))

    async def fetch(self, address):
        """A real request; true if the status is 200."""
        reader, writer = await asyncio.open_connection(address, self.port)
        try:
            writer.write(b"GET / HTTP/1.1\r\nhost: www.two-tier.example.com\r\nconnection: close\r\n\r\n")
            return (await reader.readline()).split()[1:2] == [b"200"]
        finally:
            writer.close()

    async def stop(self):
        # `wait_for` may swallow a cancellation (Python before 3.12): the flag ends those clients.
        self.over = True
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
