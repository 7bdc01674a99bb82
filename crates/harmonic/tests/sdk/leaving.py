"""Client that sends a request in one of the dialects and disconnects at a random moment."""

import asyncio
import json
import urllib.parse

from server import AGENTS, URL

LONG = 300

# Request for a long answer in each dialect.
DIALECTS = {
    "/v1/chat/completions": {"max_tokens": LONG, "ignore_eos": True},
    "/v1/messages": {"max_tokens": LONG},
    "/api/chat": {"options": {"num_predict": LONG}},
}


def request(chance, streamed):
    path = chance.choice(list(DIALECTS))
    ask = {"messages": [{"role": "user", "content": "Count."}], **DIALECTS[path]}
    body = json.dumps({**ask, "model": chance.choice(AGENTS), "stream": streamed}).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def read_pieces(reader, wanted):
    """Reads at most `wanted` chunks of a body; returns their number."""
    while await reader.readline() not in (b"\r\n", b""):
        pass
    for got in range(wanted):
        size = int(await reader.readline() or b"0", 16)
        if size == 0:
            return got
        await reader.readexactly(size + len(b"\r\n"))
    return wanted


async def go_away(chance):
    """Sends a request and disconnects; returns the number of received chunks."""
    streamed = chance.random() < 0.7
    moment = chance.choice(["in the body", "at once", "after a while", "in the answer"])
    sent = request(chance, streamed)
    if moment == "in the body":
        sent = sent[: chance.randrange(1, len(sent))]
    where = urllib.parse.urlsplit(URL)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        writer.write(sent)
        await writer.drain()
        if moment == "after a while" or moment == "in the answer" and not streamed:
            await asyncio.sleep(chance.uniform(0, 1))
        elif moment == "in the answer":
            return await read_pieces(reader, chance.randrange(1, 20))
        return 0
    finally:
        # Half of the clients close properly, the other half abort.
        if chance.random() < 0.5:
            writer.transport.abort()
        else:
            writer.close()


async def all_go_away(chances, at_once):
    """One client per random number, `at_once` at a time; returns the chunks read by each."""
    semaphore = asyncio.Semaphore(at_once)

    async def one(chance):
        async with semaphore:
            return await go_away(chance)

    return await asyncio.gather(*(one(chance) for chance in chances))
