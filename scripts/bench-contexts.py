#!/usr/bin/env python3
"""Holds a team whose agents' contexts differ against the same team with equal ones.

    bench-contexts.py HARMONIC [ROUNDS]

Starts two servers with seven agents each on one small model, 300-word system prompts: one team with
contexts of 2,048 tokens, one in which they go from 1,024 to 2,048. Seven clients ask one agent after
the other in turns, whoever has an answer asks the next question at once. The two servers are
measured in turns, the order changes from round to round, and an idle server uses no CPU. Prints both
throughputs, their ratio with a 95% interval, and the layout and attention of either plan. Ends with
1 where the upper end of the ratio (unequal to equal) is under 0.95.
"""

import contextlib
import json
import math
import os
import pathlib
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

MODEL = "smollm2:135m"
AGENTS = 7
EQUAL = [2048] * AGENTS
UNEQUAL = [2048, 1024, 1024, 1536, 1024, 2048, 1024]
IN_FLIGHT = 7
REQUESTS = 28
OUTPUT = 50
LEAST = 0.95
WORDS = "the quick brown fox jumps over a lazy dog while seven agents read their long prompts".split()


def stack(name, contexts):
    lines = [f'name = "{name}"']
    for number, context in enumerate(contexts):
        draw = random.Random(number)
        words = " ".join(draw.choice(WORDS) for _ in range(300))
        lines += ["[[agents]]", f'name = "a{number}"', f"tier = {1 + number // 2}",
                  f'model = "{MODEL}"', f"context = {context}", 'role = "tests"',
                  f'system = "Agent {number}. {words}"']
    return "\n".join(lines) + "\n"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def server(harmonic, path, environment):
    """A server of the stack at `path`; gone when the block ends."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [harmonic, "up", "--stack", path, "--port", str(port), "--without-keys"]
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        try:
            deadline = time.time() + 120
            while True:
                with contextlib.suppress(OSError):
                    if urllib.request.urlopen(url + "/ready", timeout=2).status == 200:
                        break
                if child.poll() is not None or time.time() > deadline:
                    log.seek(0)
                    sys.exit(f"{path} is not served:\n{log.read().decode()[-2000:]}")
                time.sleep(0.1)
            yield url
        finally:
            child.terminate()
            child.wait()


def ask(url, agent, question):
    """Output tokens of one answer."""
    body = {"model": f"a{agent}", "max_tokens": OUTPUT, "ignore_eos": True, "temperature": 0,
            "messages": [{"role": "user", "content": question}]}
    request = urllib.request.Request(url + "/v1/chat/completions", json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    return json.load(urllib.request.urlopen(request, timeout=600))["usage"]["completion_tokens"]


def measure(url, seed):
    """Output tokens a second of REQUESTS requests, IN_FLIGHT at a time, one agent after the other."""
    draw, lock, left, tokens, failures = random.Random(seed), threading.Lock(), [], [], []
    for number in range(REQUESTS):
        left.append((number % AGENTS, " ".join(draw.choice(WORDS) for _ in range(16))))

    def client():
        while True:
            with lock:
                if not left:
                    return
                agent, question = left.pop(0)
            try:
                count = ask(url, agent, question)
            except OSError as error:
                failures.append(error)
                return
            with lock:
                tokens.append(count)

    began = time.monotonic()
    clients = [threading.Thread(target=client) for _ in range(IN_FLIGHT)]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    if failures:
        sys.exit(f"a request failed: {failures[0]}")
    return sum(tokens) / (time.monotonic() - began)


def planned(harmonic, path, environment):
    """Layout, attention and KV bytes of the plan's engine."""
    out = subprocess.run([harmonic, "plan", "--stack", path, "--json"], check=True,
                         stdout=subprocess.PIPE, env=environment).stdout
    engine = json.loads(out)["engines"][0]
    return f"{engine['kv_layout']}, {engine['attention']} attention, {engine['kv_bytes'] / 1e9:.2f} GB"


def main():
    harmonic = str(pathlib.Path(sys.argv[1]).resolve())
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 8
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as servers:
        # Curves and setups that were measured on this machine must not decide for one of them.
        data = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
        models = os.environ.get("HARMONIC_MODELS") or os.path.join(data, "harmonic", "models")
        environment = os.environ | {"HARMONIC_MODELS": models} | {
            name: folder for name in
            ("XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME")}
        urls = {}
        for name, contexts in (("equal", EQUAL), ("unequal", UNEQUAL)):
            path = os.path.join(folder, f"{name}.toml")
            pathlib.Path(path).write_text(stack(name, contexts))
            print(f"{name:<8} {planned(harmonic, path, environment)}", flush=True)
            urls[name] = servers.enter_context(server(harmonic, path, environment))
            measure(urls[name], 0)
        ratios = []
        for number in range(rounds):
            names = ["equal", "unequal"] if number % 2 == 0 else ["unequal", "equal"]
            rates = {name: measure(urls[name], number + 1) for name in names}
            ratios.append(math.log(rates["unequal"] / rates["equal"]))
            print(f"round {number + 1} of {rounds}: equal {rates['equal']:.1f}, unequal "
                  f"{rates['unequal']:.1f} tok/s", flush=True)
    mean = sum(ratios) / len(ratios)
    deviation = math.sqrt(sum((r - mean) ** 2 for r in ratios) / max(1, len(ratios) - 1))
    # Two standard errors: close to 95% for eight rounds.
    error = 2 * deviation / math.sqrt(len(ratios))
    low, high = math.exp(mean - error), math.exp(mean + error)
    print(f"unequal to equal: {math.exp(mean):.3f} ({low:.3f} to {high:.3f}), wanted {LEAST}")
    sys.exit(high < LEAST)


if __name__ == "__main__":
    main()
