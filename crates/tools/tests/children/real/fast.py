"""A server of the library FastMCP, over standard streams."""

from fastmcp import FastMCP
from fastmcp.utilities.types import Image

server = FastMCP("fast")


@server.tool(annotations={"readOnlyHint": True, "idempotentHint": True})
def greet(name: str, times: int = 1) -> str:
    """Greets."""
    return " ".join([f"Hello {name}!"] * times)


@server.tool
def picture() -> Image:
    """Draws."""
    return Image(data=b"0123456789", format="png")


server.run(show_banner=True)
