"""HTTP by hand, for what no library would send."""

import json
import select
import socket
import urllib.parse

from server import URL

PATIENCE_S = 30
PIECE = 65536

# Every path that takes a body, and a good body for it.
GOOD = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 2},
}


def connect():
    where = urllib.parse.urlsplit(URL)
    connection = socket.create_connection((where.hostname, where.port), PATIENCE_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def post(path, body, *headers, version="1.1"):
    """A request as bytes; the connection is to be closed after it."""
    lines = [f"POST {path} HTTP/{version}", "host: x", "connection: close", *headers]
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
    error = json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
    if path.startswith("/api/"):
        return error
    return error["message"]


def answers_well(path="/v1/chat/completions"):
    body = json.dumps({"model": "coder", "stream": False, **GOOD[path]}).encode()
    _, answer = exchange(post(path, body))
    assert status(answer) == 200, answer
    return True
