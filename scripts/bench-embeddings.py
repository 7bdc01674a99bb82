#!/usr/bin/env python3
"""Measures the agent `embedding` alone, eight generating streams alone, and both at once.

usage: bench-embeddings.py HARMONIC [--seconds N] [--stack NAME] [--streams N]

The clients are processes of this machine, too. Texts are 40 words, sent 32 at a time by two clients.
"""
import argparse
import json
import multiprocessing
import time
import urllib.request

from served_team import served

WORDS = 40
INPUTS = 32
EMBEDDING_CLIENTS = 2
GENERATING = ["executive", "operator", "technical_director", "coder", "analyst"]


def post(url, body, timeout=120):
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"content-type": "application/json"}
    )
    return urllib.request.urlopen(request, timeout=timeout)


def texts(seed):
    return [
        " ".join(f"word{(seed * 7919 + text * 104729 + at * 31) % 5003}" for at in range(WORDS))
        for text in range(INPUTS)
    ]


def embed(url, until, counts, number):
    seed = number
    while time.monotonic() < until:
        with post(f"{url}/v1/embeddings", {"model": "embedding", "input": texts(seed)}) as answer:
            usage = json.load(answer)["usage"]
        if time.monotonic() < until:
            counts.put((INPUTS, usage["prompt_tokens"]))
        seed += EMBEDDING_CLIENTS
    counts.put(None)


def generate(url, until, counts, number):
    body = {
        "model": GENERATING[number % len(GENERATING)],
        "messages": [{"role": "user", "content": "Write about the sea, at length."}],
        "stream": True,
        "ignore_eos": True,
        "max_tokens": 400,
    }
    while time.monotonic() < until:
        with post(f"{url}/v1/chat/completions", body) as answer:
            for line in answer:
                if time.monotonic() >= until:
                    break
                if line.startswith(b"data: {") and b'"content":"' in line:
                    counts.put((1, 0))
    counts.put(None)


def run(url, seconds, embedders, streams):
    """Texts and their tokens, and generated tokens, a second."""
    until = time.monotonic() + seconds
    totals = []
    running = []
    for work, clients in ((embed, embedders), (generate, streams)):
        counts = multiprocessing.Queue()
        processes = [
            multiprocessing.Process(target=work, args=(url, until, counts, number))
            for number in range(clients)
        ]
        for process in processes:
            process.start()
        running.append((counts, processes))
    for counts, processes in running:
        sums, open_ = [0, 0], len(processes)
        while open_:
            count = counts.get()
            if count is None:
                open_ -= 1
                continue
            sums = [sums[0] + count[0], sums[1] + count[1]]
        for process in processes:
            process.join()
        totals.append([total / seconds for total in sums])
    return totals


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("harmonic")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--stack", default="starter")
    parser.add_argument("--streams", type=int, default=8)
    args = parser.parse_args()
    with served(args.harmonic, ["--stack", args.stack, "--embedding"]) as url:
        run(url, 2, 1, 1)  # warm
        rows = [
            ("embeddings alone", *run(url, args.seconds, EMBEDDING_CLIENTS, 0)),
            (f"{args.streams} streams alone", *run(url, args.seconds, 0, args.streams)),
            ("both", *run(url, args.seconds, EMBEDDING_CLIENTS, args.streams)),
        ]
    print(f"{'load':<20} {'texts/s':>9} {'their tok/s':>12} {'generated tok/s':>16}")
    for name, (inputs, tokens), (generated, _) in rows:
        print(f"{name:<20} {inputs:>9.1f} {tokens:>12.0f} {generated:>16.1f}")


if __name__ == "__main__":
    main()
