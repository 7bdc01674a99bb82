"""A server of the official library `mcp`: over standard streams, or over HTTP on the port given."""

import asyncio
import sys

from mcp.server import MCPServer
from mcp.types import ToolAnnotations

server = MCPServer("official")


@server.tool(annotations=ToolAnnotations(readOnlyHint=True))
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


@server.tool()
def fail() -> str:
    """Fails."""
    raise ValueError("on purpose")


@server.tool()
async def sleep(seconds: float) -> str:
    """Waits."""
    await asyncio.sleep(seconds)
    return "awake"


@server.tool()
def long(bytes: int) -> str:
    """Says much."""
    return "ä" * (bytes // 2)


if len(sys.argv) > 1:
    server.run(transport="streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
else:
    server.run()
