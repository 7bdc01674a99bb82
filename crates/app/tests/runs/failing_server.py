"""An MCP server over standard input and output that fails in the way of its first argument, until the
file of its second one exists. Its tool `call` says `works` where nothing fails."""
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


def call(number):
    if os.path.exists(MENDED) or WAY == "works":
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
            "name": "call", "annotations": {"readOnlyHint": True}, "inputSchema": {"type": "object"},
        }
        send({"id": number, "result": {"tools": [tool]}})
    elif method == "tools/call":
        call(number)
