#!/usr/bin/env python3
"""Holds the gain of parallel tasks in a run against what the same engine does with plain requests.

usage: bench-runs.py HARMONIC [--rounds N] [--tokens N] [--only real|simulated]

A run of the recipe `split` over eight listed parts: eight tasks at once, then a join, all answers of
the same length (`ignore_eos`). Each round does, in this order: the run; eight requests at once; the
eight parts one after the other, each as a run of one task; a request alone. The requests go to the
agents that the recipe chose, and their prompts are as long as those of the run's parts, with as many
tokens that no cache has: how fast an engine decodes depends on both. Figures are medians over the rounds.

The bound of the eight is max(the longest alone, their tokens / throughput of eight at once). The join
begins when they have ended, so that the bound of the run has its time on top.
"""
import argparse
import concurrent.futures
import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

from served_team import served

PARTS = [
    "the weather by the sea", "bread and how it is made", "a garden in spring", "old bicycles",
    "letters on paper", "the colours of stones", "trains at night", "how to rest",
]

# Wanted: the run's time over its bound at most, and its gain over the gain of plain requests at least.
# The simulated machine is held to 90% of the bound.
MOST_OF_BOUND = {"real": 1.1, "simulated": 1 / 0.9}
LEAST_GAIN = 0.9


def call(url, body=None, method=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"}, method=method)
    return urllib.request.urlopen(request, timeout=600)


def run(url, body):
    """The record of a run that has ended, and its time in seconds as its client saw it."""
    began = time.monotonic()
    with call(f"{url}/runs", body) as answer:
        run_id = json.load(answer)["id"]
    with call(f"{url}/runs/{run_id}/events") as events:
        for _ in events:
            pass
    took = time.monotonic() - began
    with call(f"{url}/runs/{run_id}") as answer:
        record = json.load(answer)
    call(f"{url}/runs/{run_id}", method="DELETE").close()
    if record["state"]["state"] != "done":
        raise SystemExit(f"the run is {record['state']}")
    return record, took


def ask(url, agent, text, tokens):
    """Asks, and returns the tokens of the prompt, and how many of them were computed."""
    body = {
        "model": agent, "messages": [{"role": "user", "content": text}],
        "max_tokens": tokens, "ignore_eos": True,
    }
    with call(f"{url}/v1/chat/completions", body) as answer:
        usage = json.load(answer)["usage"]
    if usage["completion_tokens"] != tokens:
        raise SystemExit(f"{agent} gave {usage['completion_tokens']} tokens instead of {tokens}")
    prompt = usage["prompt_tokens"]
    return prompt, prompt - usage["prompt_tokens_details"]["cached_tokens"]


def words(count):
    """So many words, of which no cache has the first."""
    return " ".join([f"{time.time_ns():x}", *(VOCABULARY[n % len(VOCABULARY)] for n in range(count))])


class Prompts:
    """Texts to one agent that make prompts of `total` tokens, of which `computed` are in no cache."""

    def __init__(self, url, agent, total, computed):
        ask(url, agent, words(8), 1)  # its system prompt is in the cache from then on
        (prompt, short), (_, long) = (ask(url, agent, words(count), 1) for count in (8, 72))
        per_word = (long - short) / 64
        self.own = max(1, round(8 + (computed - short) / per_word))
        # Beside them, the system prompt and the first word of the text.
        known = total - computed - (prompt - short) - (short - 8 * per_word)
        self.known = words(max(1, round(known / per_word)))
        self.request = lambda text, tokens: ask(url, agent, text, tokens)

    def warm(self):
        """Puts what all texts begin with into the cache, as the goal of a run is for its parts."""
        # All agents' at the same time, so long that none takes the sequence of another.
        self.request(self.known, 16)

    def next(self):
        """A text that was not asked before."""
        return f"{self.known} {words(self.own)}"


def at_once(calls):
    """The results of calls that are made at the same time."""
    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        return [one.result() for one in [pool.submit(call) for call in calls]]


VOCABULARY = "river stone garden window bread letter morning paper silver bridge light winter".split()


def goal(nonce):
    """A goal that no cache has, and its eight parts."""
    listed = "\n".join(f"- Write about {part}." for part in PARTS)
    return f"Number {nonce}: write a small book of eight chapters, in plain words.\n{listed}"


def rounds(url, count, tokens):
    """Times of each round, in seconds."""
    names = ["run", "parts", "join", "eight", "sequential", "longest", "alone"]
    found = {name: [] for name in names}
    for number in range(count + 1):
        nonce = time.time_ns()
        body = {
            "goal": goal(nonce), "recipe": "split", "task_tokens": tokens, "ignore_eos": True,
        }
        record, took = run(url, body)
        tasks = record["tasks"]
        parts = tasks[:len(PARTS)]
        if len(tasks) <= len(parts):
            raise SystemExit(f"{len(tasks)} tasks, expected eight and a join")
        short = [task["spent"]["output_tokens"] for task in parts]
        if short != [tokens] * len(parts):
            raise SystemExit(f"parts of {short} tokens instead of {tokens}")
        # The join, and before it the condensing of what is too long for it.
        join = took - max(s["to_ms"] for task in parts for s in task["spans"]) / 1e3

        agents = [task["agent"] for task in parts]

        spent = [task["spent"] for task in parts]
        total = statistics.mean(s["prompt_tokens"] for s in spent)
        computed = statistics.mean(s["prompt_tokens"] - s["cached_tokens"] for s in spent)
        prompts = {agent: Prompts(url, agent, total, computed) for agent in set(agents)}
        texts = [(prompts[agent], prompts[agent].next()) for agent in agents]
        at_once([prompt.warm for prompt in prompts.values()])
        began = time.monotonic()
        sent = at_once([lambda p=p, text=text: p.request(text, tokens) for p, text in texts])
        eight = time.monotonic() - began

        began = time.monotonic()
        for task in record["graph"]["tasks"][:len(PARTS)]:
            plan = {"schema": record["graph"]["schema"], "tasks": [task]}
            run(url, {"goal": goal(nonce + 1), "plan": plan, "task_tokens": tokens, "ignore_eos": True})
        sequential = time.monotonic() - began

        alone = {}
        for agent in set(agents):
            text = prompts[agent].next()
            prompts[agent].warm()
            began = time.monotonic()
            prompts[agent].request(text, tokens)
            alone[agent] = time.monotonic() - began
        longest, each = max(alone.values()), statistics.mean(alone[agent] for agent in agents)
        if number == 0:
            continue  # warm
        for name, seconds in (
            ("run", took), ("parts", took - join), ("join", join), ("eight", eight),
            ("sequential", sequential), ("longest", longest), ("alone", each),
        ):
            found[name].append(seconds)
        lengths = [statistics.mean(counts) for counts in zip(*sent)]
        print(f"round {number} of {count}: run {took:.2f} s, eight requests {eight:.2f} s, one after "
              f"the other {sequential:.2f} s, one alone {each:.2f} s; prompts of {total:.0f} tokens, "
              f"{computed:.0f} of them computed, and of {lengths[0]:.0f}, {lengths[1]:.0f}, in plain "
              f"requests", file=sys.stderr)
    return {name: statistics.median(all_) for name, all_ in found.items()}


def row(name, seen, wanted="", holds=None):
    word = "" if holds is None else "yes" if holds else "no"
    print(f"| {name} | {seen} | {wanted} | {word} |")
    return holds is not False


def report(kind, name, medians, tokens):
    """Prints the table; whether all holds."""
    count = len(PARTS)
    at_8, at_1 = count * tokens / medians["eight"], tokens / medians["alone"]
    parts_bound = max(medians["longest"], count * tokens / at_8)
    bound = parts_bound + medians["join"]
    of_bound, parts_of_bound = medians["run"] / bound, medians["parts"] / parts_bound
    gain, plain = medians["sequential"] / medians["parts"], at_8 / at_1
    most = MOST_OF_BOUND[kind]
    print(f"\n## {name}\n\n| figure | seen | wanted | holds |\n|---|--:|--:|---|")
    row("eight requests at once, tok/s", f"{at_8:.1f}")
    row("one request alone, tok/s", f"{at_1:.1f}")
    row("the run's eight parts, s", f"{medians['parts']:.2f}")
    row("their bound, s", f"{parts_bound:.2f}")
    holds = [
        row("parts ÷ bound", f"{parts_of_bound:.3f}", f"≤ {most:.3f}", parts_of_bound <= most)
    ]
    row("the run with its join, s", f"{medians['run']:.2f}")
    row("its bound, s", f"{bound:.2f}")
    holds.append(row("run ÷ bound", f"{of_bound:.3f}", f"≤ {most:.3f}", of_bound <= most))
    row("the parts one after the other, s", f"{medians['sequential']:.2f}")
    row("gain of the run's parts", f"{gain:.2f}")
    row("gain of plain requests", f"{plain:.2f}")
    holds.append(
        row("gain ÷ gain", f"{gain / plain:.3f}", f"≥ {LEAST_GAIN}", gain / plain >= LEAST_GAIN)
    )
    return all(holds)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("harmonic")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=192)
    parser.add_argument("--only", choices=["real", "simulated"])
    args = parser.parse_args()
    holds = True
    if args.only != "simulated":
        with served(args.harmonic, ["--stack", "starter"]) as url:
            medians = rounds(url, args.rounds, args.tokens)
        holds &= report("real", "The starter team on this machine", medians, args.tokens)
    if args.only != "real":
        plan = subprocess.run(
            [args.harmonic, "plan", "--stack", "standard", "--hardware", "dgx-spark",
             "--engine", "sim", "--json"],
            check=True, capture_output=True, text=True,
        ).stdout
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write(plan)
            file.flush()
            with served(args.harmonic, ["--plan", file.name]) as url:
                medians = rounds(url, args.rounds, args.tokens)
        holds &= report("simulated", "Stack standard on a simulated DGX Spark", medians, args.tokens)
    raise SystemExit(0 if holds else 1)


if __name__ == "__main__":
    main()
