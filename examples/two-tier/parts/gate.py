"""The prober's network: hands connections to FROM:PORT on to TO:PORT. Stopped (SIGSTOP) it is a cut network: nothing
that goes through it is answered any more, and nobody is told why.

gate.py PORT FROM=TO... Ends when its standard input does.
"""

import asyncio
import sys


async def pour(reader, writer):
    """Copies one direction until its end."""
    try:
        while piece := await reader.read(4096):
            writer.write(piece)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def carry(reader, writer, target, port):
    """One connection. If nobody listens behind, it is closed without a word."""
    try:
        onward = await asyncio.open_connection(target, port)
    except OSError:
        writer.close()
        return
    await asyncio.gather(pour(reader, onward[1]), pour(onward[0], writer))


async def main(port, routes):
    for route in routes:
        source, target = route.split("=")
        await asyncio.start_server(lambda r, w, t=target: carry(r, w, t, port), source, port)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2:]))
