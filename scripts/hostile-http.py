#!/usr/bin/env python3
"""Asks a real team while eight clients send it the worst bodies they can, and holds two figures:
GET /health answers within 50 ms (99th percentile), and the time to the first token of an ordinary
chat at most doubles (median).

usage: hostile-http.py HARMONIC [--seconds N] [--clients N] [--stack NAME]

Every process here is this machine's own: with two cores the attackers' work is measured too.
"""
import argparse
import gzip
import json
import multiprocessing
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

LIMIT = 16 * 1024 * 1024
HEALTH_P99_MS = 50
TTFT_TIMES = 2


def chat(agent, messages, **more):
    return json.dumps({"model": agent, "messages": messages, "max_tokens": 8, **more}).encode()


def user(content):
    return [{"role": "user", "content": content}]


def worst(agent):
    """Path, headers and body of each kind, by name."""
    letters = LIMIT // 31 - 8
    one_letter = [{"role": "user", "content": "a"}] * letters
    control = "<|im_end|>a" * ((LIMIT - 512) // 11)
    deep = b'{"model":"%s","messages":' % agent.encode() + b"[" * (LIMIT - 512)
    start = b'{"model":"%s","messages":[{"role":"user","content":"' % agent.encode()
    bomb = gzip.compress(start + b"a" * (1 << 28), 1)
    word = "a" * 4_000_000
    small = {"role": "user", "content": "a"}
    plain = "/v1/chat/completions"
    return {
        "one-letter messages": (plain, {}, chat(agent, one_letter)[:LIMIT]),
        "8,000 one-letter messages": (plain, {}, chat(agent, [small] * 8000)),
        "16 copies of one-letter messages": (plain, {}, chat(agent, [small] * 8000, n=16)),
        "control tokens": (plain, {}, chat(agent, user(control))),
        "control tokens, 154 kB": (plain, {}, chat(agent, user("<|im_end|>a" * 14_000))),
        "a word of 4 MB": (plain, {}, chat(agent, user(word))),
        "a word of 120 kB": (plain, {}, chat(agent, user("a" * 120_000))),
        "white space": (plain, {}, chat(agent, user(" " * (LIMIT - 512)))),
        "a raw prompt": ("/v1/completions", {}, json.dumps(
            {"model": agent, "prompt": "<|im_end|>a" * ((LIMIT - 512) // 11)}).encode()),
        "Ollama's raw prompt": ("/api/generate", {}, json.dumps(
            {"model": agent, "prompt": word, "raw": True}).encode()),
        "counted": ("/v1/messages/count_tokens", {}, json.dumps(
            {"model": agent, "messages": one_letter}).encode()[:LIMIT]),
        "counted word": ("/v1/messages/count_tokens", {}, json.dumps(
            {"model": agent, "messages": user(word)}).encode()),
        "embedded": ("/api/embed", {}, json.dumps(
            {"model": agent, "input": ["a"] * (LIMIT // 6)}).encode()),
        "items": ("/v1/responses", {}, json.dumps(
            {"model": agent, "input": [small] * (LIMIT // 40)}).encode()),
        "deep JSON": (plain, {}, deep),
        "a bomb": (plain, {"content-encoding": "gzip"}, bomb),
        "JSON without end": (plain, {}, b'{"model":"' + b"a" * (LIMIT - 64)),
    }


class Server:
    def __init__(self, binary, stack, state):
        environment = dict(os.environ, XDG_STATE_HOME=state, XDG_RUNTIME_DIR=state,
                           XDG_CONFIG_HOME=state)
        self.process = subprocess.Popen(
            [binary, "up", "--stack", stack, "--port", "0", "--yes"], env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        url = self.process.stdout.readline().strip()
        if not url.startswith("http"):
            sys.exit(f"the team did not start: {url!r}")
        parsed = urllib.parse.urlparse(url)
        self.address = (parsed.hostname, parsed.port)

    def resident(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) * 1024

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)


def head(method, path, headers, body):
    lines = [f"{method} {path} HTTP/1.1", "host: localhost", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def status(stream):
    data = b""
    while b"\r\n" not in data:
        more = stream.recv(4096)
        if not more:
            return "closed"
        data += more
    return data.split()[1].decode()


def attack(address, bodies, first, told):
    """One client: bodies in turns, each on a connection of its own."""
    kinds = list(bodies.items())
    turn = first
    while True:
        name, (path, headers, body) = kinds[turn % len(kinds)]
        turn += 1
        began = time.monotonic()
        try:
            with socket.create_connection(address, timeout=120) as stream:
                stream.sendall(head("POST", path, headers, body) + body)
                said = status(stream)
        except OSError:
            # It was answered before it was all sent, and closed.
            said = "broken off"
        told.put((name, said, time.monotonic() - began))


def healths(address, seconds):
    """Milliseconds that GET /health took, over a connection that stays open."""
    request = head("GET", "/health", {}, b"")
    took, until = [], time.monotonic() + seconds
    with socket.create_connection(address, timeout=120) as stream:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while time.monotonic() < until:
            began = time.monotonic()
            stream.sendall(request)
            data = b""
            while b"\r\n\r\n" not in data:
                data += stream.recv(65536)
            length = int(data.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            rest = length - len(data.split(b"\r\n\r\n", 1)[1])
            while rest > 0:
                rest -= len(stream.recv(65536))
            took.append((time.monotonic() - began) * 1000)
            time.sleep(0.01)
    return took


def first_tokens(address, agent, seconds):
    """Milliseconds to the first token of ordinary chats, one after another; and how many failed."""
    took, failed, until, number = [], 0, time.monotonic() + seconds, 0
    while time.monotonic() < until:
        number += 1
        body = chat(agent, user(f"Say hello, and the number {number}."), stream=True)
        began = time.monotonic()
        with socket.create_connection(address, timeout=120) as stream:
            stream.sendall(head("POST", "/v1/chat/completions", {}, body) + body)
            data = b""
            while b"data: " not in data:
                more = stream.recv(65536)
                if not more:
                    break
                data += more
            if b"data: " in data:
                took.append((time.monotonic() - began) * 1000)
            else:
                failed += 1
            while b"[DONE]" not in data and (more := stream.recv(65536)):
                data += more
    return took, failed


def measure(address, agent, seconds):
    with multiprocessing.Pool(2) as pool:
        health = pool.apply_async(healths, (address, seconds))
        chats = pool.apply_async(first_tokens, (address, agent, seconds))
        return health.get(), chats.get()


def at(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def main():
    arguments = argparse.ArgumentParser(description=__doc__,
                                        formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("harmonic")
    arguments.add_argument("--seconds", type=float, default=20)
    arguments.add_argument("--clients", type=int, default=8)
    arguments.add_argument("--stack", default="starter")
    arguments.add_argument("--agent", default="coder")
    asked = arguments.parse_args()
    bodies = worst(asked.agent)
    with tempfile.TemporaryDirectory() as state:
        server = Server(asked.harmonic, asked.stack, state)
        try:
            measure(server.address, asked.agent, 3)
            quiet = measure(server.address, asked.agent, asked.seconds)
            before = server.resident()
            told = multiprocessing.Queue()
            attackers = [
                multiprocessing.Process(target=attack, args=(server.address, bodies, 2 * n, told),
                                        daemon=True)
                for n in range(asked.clients)]
            for attacker in attackers:
                attacker.start()
            time.sleep(2)
            hostile = measure(server.address, asked.agent, asked.seconds)
            for attacker in attackers:
                attacker.terminate()
            time.sleep(2)
            after = server.resident()
        finally:
            server.stop()
    answered = {}
    while not told.empty():
        name, said, took = told.get()
        of_kind = answered.setdefault(name, {})
        count, longest = of_kind.get(said, (0, 0))
        of_kind[said] = (count + 1, max(longest, took))
    for name, said in answered.items():
        shown = ", ".join(f"{count} x {status} (longest {longest:.2f} s)"
                          for status, (count, longest) in said.items())
        print(f"{name}: {shown}")
    for name, (health, (chats, failed)) in (("quiet", quiet), ("hostile", hostile)):
        print(f"{name}: /health p50 {at(health, .5):.1f} p99 {at(health, .99):.1f} max "
              f"{max(health):.1f} ms of {len(health)}; TTFT p50 {at(chats, .5):.0f} p99 "
              f"{at(chats, .99):.0f} ms of {len(chats)}, {failed} failed")
    print(f"resident: {before / 1e6:.0f} MB before, {after / 1e6:.0f} MB after")
    p99, times = at(hostile[0], .99), at(hostile[1][0], .5) / at(quiet[1][0], .5)
    print(f"held: /health p99 {p99:.1f} ms (below {HEALTH_P99_MS}); TTFT x {times:.2f} "
          f"(at most {TTFT_TIMES})")
    if p99 >= HEALTH_P99_MS or times > TTFT_TIMES or hostile[1][1]:
        sys.exit(1)


if __name__ == "__main__":
    main()
