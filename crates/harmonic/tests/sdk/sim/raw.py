"""HTTP by hand, for what no library would send."""

import json
import select
import socket
import urllib.parse

from server import URL

PATIENCE_S = 30
PIECE = 65536

MESSAGES = [{"role": "user", "content": "hi"}]

# Every path that answers, and a good body for it; all have a `model` and, but for two, a `stream`.
GOOD = {
    "/v1/chat/completions": {"messages": MESSAGES, "max_tokens": 2},
    "/v1/completions": {"prompt": "hi", "max_tokens": 2},
    "/v1/responses": {"input": "hi", "max_output_tokens": 2},
    "/v1/messages": {"messages": MESSAGES, "max_tokens": 2},
    "/v1/messages/count_tokens": {"messages": MESSAGES},
    "/api/chat": {"messages": MESSAGES, "options": {"num_predict": 2}},
    "/api/generate": {"prompt": "hi", "options": {"num_predict": 2}},
    "/api/show": {},
}

ANTHROPIC = ["/v1/messages", "/v1/messages/count_tokens"]

# Without a `stream`, which they ignore.
WHOLE = ["/v1/messages/count_tokens", "/api/show"]


def connect():
    where = urllib.parse.urlsplit(URL)
    connection = socket.create_connection((where.hostname, where.port), PATIENCE_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def post(path, body, *headers, version="1.1"):
    """A request as bytes; the connection is to be closed after it."""
    lines = [f"POST {path} HTTP/{version}", "host: localhost", "connection: close", *headers]
    if not any(line.lower().startswith(("content-length", "transfer-")) for line in headers):
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def heard(connection):
    """All that comes until the other side closes."""
    pieces = []
    try:
        while piece := connection.recv(PIECE):
            pieces.append(piece)
    except ConnectionResetError:
        # Closed while bytes of ours were under way: what was said before counts.
        pass
    return b"".join(pieces)


def exchange(data, more=()):
    """Sends `data`, then the pieces of `more` until there is an answer; how many were sent, and the
    answer."""
    with connect() as connection:
        sent = 0
        try:
            connection.sendall(data)
            for piece in more:
                if select.select([connection], [], [], 0)[0]:
                    break
                connection.sendall(piece)
                sent += len(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return sent, heard(connection)


def status(answer):
    """Of the first answer; None where there is none."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.") else None


def message(path, answer):
    """The words of an error in the envelope of the dialect that `path` belongs to."""
    said = json.loads(answer.partition(b"\r\n\r\n")[2])
    if path.startswith("/api/"):
        return said["error"]
    assert path not in ANTHROPIC or said["type"] == "error"
    return said["error"]["message"]


def answers_well(path="/v1/chat/completions"):
    body = json.dumps({"model": "coder", "stream": False, **GOOD[path]}).encode()
    _, answer = exchange(post(path, body))
    assert status(answer) == 200, answer
    return True
