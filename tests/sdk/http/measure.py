"""`python -m tests.sdk.http.measure`: what a way out, and a request through it, costs beyond a bare exchange."""

import asyncio
import time

from toolyard_sdk.egress import EgressGrant, secret
from toolyard_sdk.http import open_egress

from tests.sdk.http.network import SECRETS, Server, answer

REQUESTS = 2_000
MADE = 200_000


async def _bare(port: int) -> float:
    """Return the CPU milliseconds of one exchange by plain streams; the server's share is in them, as in the others."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = time.process_time()
    for _ in range(REQUESTS):
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readuntil(b"fine")
    spent = time.process_time() - began
    writer.close()
    await writer.wait_closed()
    return spent / REQUESTS * 1e3


async def main() -> None:
    """Print the figures."""
    server = Server(lambda _: answer())
    await server.open()
    host = f"127.0.0.1:{server.port}"
    named = f"localhost:{server.port}"
    grant = EgressGrant(private=(host, named), secrets={"token": (host,)})
    client = open_egress()

    async def reveal(name: str) -> str | None:
        return SECRETS[name]

    began = time.perf_counter()
    for _ in range(MADE):
        client.for_tool("weather", grant, reveal)
    print(f"for_tool                      {(time.perf_counter() - began) / MADE * 1e6:.2f} us")
    bare = await _bare(server.port)
    print(f"bare exchange                 {bare:.3f} ms CPU")
    tool = client.for_tool("weather", grant, reveal)
    for words, url, headers in (
        ("a request to an address    ", f"http://{host}/", {}),
        ("the same with a secret     ", f"http://{host}/", {"X-Key": secret("token")}),
        ("a request to a name        ", f"http://{named}/", {}),
    ):
        await tool.request("GET", url, headers=headers)
        start = time.process_time()
        for _ in range(REQUESTS):
            await tool.request("GET", url, headers=headers)
        spent = (time.process_time() - start) / REQUESTS * 1e3
        print(f"{words}   {spent:.3f} ms CPU, {spent - bare:.3f} beyond the bare exchange")
    await client.close()
    await server.close()


if __name__ == "__main__":
    asyncio.run(main())
