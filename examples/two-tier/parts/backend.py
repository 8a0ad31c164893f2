"""One toy server of a region: every request but a check holds its connection for a while.

backend.py ADDRESS PORT HOLD_SECONDS. Ends when its standard input does, so that nothing outlives the script.
"""

import asyncio
import sys


async def serve(reader, writer, hold):
    """One connection, requests one after the other."""
    try:
        while request := await reader.readuntil(b"\r\n\r\n"):
            if not request.startswith(b"GET /healthz "):
                await asyncio.sleep(hold)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok\n")
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main(address, port, hold):
    await asyncio.start_server(lambda r, w: serve(r, w, hold), address, port)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
