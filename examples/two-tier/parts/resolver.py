"""A caching resolver that sends its clients' networks along (RFC 7871) and honours TTL and scope."""

import asyncio
import ipaddress
import socket
import struct
import time


def query(number, name, network):
    """A query for an A record with a client subnet."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    address = network.network_address.packed[: (network.prefixlen + 7) // 8]
    subnet = struct.pack("!HBB", 1, network.prefixlen, 0) + address
    option = struct.pack("!HH", 8, len(subnet)) + subnet
    opt = b"\0" + struct.pack("!HHIH", 41, 1232, 0, len(option)) + option
    return struct.pack("!6H", number, 0x0100, 1, 0, 0, 1) + labels + b"\0" + struct.pack("!HH", 1, 1) + opt


def skip_name(reply, at):
    """The place behind a name."""
    while reply[at]:
        if reply[at] >= 0xC0:
            return at + 2
        at += 1 + reply[at]
    return at + 1


def parse(reply):
    """The addresses, the TTL and the scope of a reply."""
    _, flags, _, answers, authority, additional = struct.unpack("!6H", reply[:12])
    if flags & 15:
        raise OSError(f"RCODE {flags & 15}")
    at, addresses, ttl, scope = skip_name(reply, 12) + 4, [], 0, 0
    for _ in range(answers + authority + additional):
        at = skip_name(reply, at)
        kind, _, seconds, length = struct.unpack("!HHIH", reply[at : at + 10])
        data = reply[at + 10 : at + 10 + length]
        at += 10 + length
        if kind == 1:
            addresses.append(socket.inet_ntoa(data))
            ttl = seconds
        while kind == 41 and data:
            code, size = struct.unpack("!HH", data[:4])
            if code == 8:
                scope = data[7]
            data = data[4 + size :]
    return addresses, ttl, scope


class Resolver(asyncio.DatagramProtocol):
    """What `lookup` gives may be as old as its TTL, as with every resolver."""

    def __init__(self, name, told):
        """`told(address)` hears of each answer that came from the server, not from the cache."""
        self.name, self.told = name, told
        self.cache = {}  # block → (addresses, when it expires)
        self.asked = {}  # number → future
        self.open = {}  # client network → task
        self.number = 0

    async def connect(self, server):
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, remote_addr=server)
        return self

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, _address):
        future = self.asked.pop(struct.unpack("!H", data[:2])[0], None)
        if future and not future.done():
            future.set_result(data)

    def error_received(self, _problem):
        """Nobody listens yet: the query is sent again."""

    async def lookup(self, network):
        """The addresses for a client in `network`: from the cache, or asked, once for all who wait for it."""
        now = time.monotonic()
        for block, (addresses, expires) in self.cache.items():
            if now < expires and network.subnet_of(block):
                return addresses
        if network not in self.open:
            task = self.open[network] = asyncio.ensure_future(self.ask(network))
            task.add_done_callback(lambda _: self.open.pop(network))
        return await asyncio.shield(self.open[network])

    async def ask(self, network):
        for _ in range(4):
            self.number = (self.number + 1) % 65536
            future = self.asked[self.number] = asyncio.get_running_loop().create_future()
            self.transport.sendto(query(self.number, self.name, network))
            try:
                addresses, ttl, scope = parse(await asyncio.wait_for(future, 0.5))
            except asyncio.TimeoutError:
                continue
            block = ipaddress.ip_network((network.network_address, scope), strict=False)
            self.cache[block] = (addresses, time.monotonic() + ttl)
            for address in addresses:
                self.told(network, address)
            return addresses
        raise OSError("no answer from the name server")
