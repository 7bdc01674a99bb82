"""An MCP server over standard input and output that behaves in the way of its first argument. Those that
fail do so until the file of the second one exists. The tool `call` says `works` where nothing fails."""
import json
import os
import sys
import time

WAY, MENDED = sys.argv[1:]


def send(message):
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)


def texts(*parts):
    return {"content": [{"type": "text", "text": part} for part in parts]}


def hang():
    while True:
        time.sleep(60)


# The way of a server whose tool is called with one of three words.
CHOICE = "choice"
NOTHING = {"type": "object"}
WORD = {
    "type": "object", "properties": {"word": {"enum": ["river", "stone", "garden"]}},
    "required": ["word"], "additionalProperties": False,
}


def call(number, arguments):
    if WAY == CHOICE:
        send({"id": number, "result": texts(f"The word is {arguments['word']}.")})
    elif os.path.exists(MENDED):
        send({"id": number, "result": texts("works")})
    elif WAY == "hangs":
        hang()
    elif WAY == "dies":
        print("out of memory", file=sys.stderr, flush=True)
        os._exit(5)
    elif WAY == "closes":
        os.close(1)
        hang()
    elif WAY == "huge-text":
        send({"id": number, "result": texts("x" * (50 << 20))})
    elif WAY == "huge-list":
        send({"id": number, "result": texts(*["x" * (500 << 10)] * 100)})
    elif WAY == "nonsense":
        line = bytes(byte for byte in range(256) if byte != ord("\n")) + b"\n"
        sys.stdout.buffer.write(line * 200)
        sys.stdout.buffer.flush()
    elif WAY == "refuses":
        send({"id": number, "error": {"code": -32000, "message": "the quota is used up"}})


if WAY == "closes-at-start" and not os.path.exists(MENDED):
    print("no key: set KEY", file=sys.stderr, flush=True)
    os.close(1)
    hang()
for line in sys.stdin:
    message = json.loads(line)
    method, number = message["method"], message.get("id")
    if method == "initialize":
        version = message["params"]["protocolVersion"]
        info = {"name": WAY, "version": "1"}
        send({"id": number, "result": {
            "protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info,
        }})
    elif method == "tools/list":
        tool = {
            "name": "call", "annotations": {"readOnlyHint": True},
            "inputSchema": WORD if WAY == CHOICE else NOTHING,
        }
        send({"id": number, "result": {"tools": [tool]}})
    elif method == "tools/call":
        call(number, message["params"].get("arguments"))
