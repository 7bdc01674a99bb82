#!/usr/bin/env python3
"""Holds what `harmonic bench` counts against the servers' own counters.

    bench-counts.py HARMONIC LLAMA_SERVER [MODEL]

Starts our gateway and a llama-server with 32 slots, one after the other, and measures each from
outside. Meanwhile each server's counter of generated tokens is read five times a second; its rate
over the measured windows stands beside the benchmark's. Then a llama-server with one slot and one
with 32 are measured in a hurry, for what the benchmark says of each. First comes what the client
itself costs. Ends with 1 where the rates differ by more than 3%, a diagnosis is wrong, or the client
takes 5% of a core or more for 1,000 tok/s.

Both counters move when an answer ends, so the rate between two readings is off by how the answers
in the making differ at the two: some hundred tokens at 32 streams. Hence the long windows.
"""

import contextlib
import json
import re
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

LEVELS = "8,32"
BOUND = 0.03


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def server(command, url):
    """A child that serves at `url`; gone when the block ends."""
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            deadline = time.time() + 120
            while True:
                with contextlib.suppress(OSError):
                    if urllib.request.urlopen(url + "/health", timeout=2).status == 200:
                        break
                if child.poll() is not None or time.time() > deadline:
                    log.seek(0)
                    sys.exit(f"{command[0]} does not serve:\n{log.read().decode()[-2000:]}")
                time.sleep(0.1)
            yield
        finally:
            child.terminate()
            child.wait()


class Counter(threading.Thread):
    """Reads a counter of Prometheus' form five times a second."""

    def __init__(self, url, name):
        super().__init__(daemon=True)
        self.url, self.name = url + "/metrics", name
        self.readings, self.over = [], threading.Event()

    def run(self):
        pattern = re.compile(rf"^{self.name}(?:\{{.*\}})? ([0-9.e+]+)$", re.M)
        while not self.over.wait(0.2):
            with contextlib.suppress(OSError):
                before = time.time()
                text = urllib.request.urlopen(self.url, timeout=5).read().decode()
                total = sum(float(value) for value in pattern.findall(text))
                self.readings.append(((before + time.time()) / 2, total))

    def at(self, when):
        """The total at a moment, between the readings on either side."""
        for (t0, n0), (t1, n1) in zip(self.readings, self.readings[1:]):
            if t0 <= when <= t1:
                return n0 + (n1 - n0) * (when - t0) / (t1 - t0)
        sys.exit(f"{self.name} was not read at the edges of the windows")


def bench(harmonic, url, *arguments):
    command = [harmonic, "bench", "--target", url, "--json", "--no-out", *arguments]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def agree(name, harmonic, url, counter, agents):
    """Prints both rates at each level; whether they agree."""
    count = Counter(url, counter)
    count.start()
    run = bench(harmonic, url, "--levels", LEVELS, "--trials", "6", *agents)
    time.sleep(1)
    count.over.set()
    count.join()
    began, fine = run["began_unix_ms"] / 1000, True
    for level in run["series"][0]["levels"]:
        first, last = level["windows"][0]["from_s"], level["windows"][-1]["to_s"]
        own = (count.at(began + last) - count.at(began + first)) / (last - first)
        spans = [(w["to_s"] - w["from_s"], w["tok_s"]) for w in level["windows"]]
        ours = sum(s * rate for s, rate in spans) / sum(s for s, _ in spans)
        ratio = ours / own
        fine &= abs(ratio - 1) <= BOUND
        print(f"{name:<14} {level['parallel']:>3}x  bench {ours:8.1f} tok/s   "
              f"server {own:8.1f} tok/s   ratio {ratio:.3f}")
    return fine


def client_cost(harmonic):
    """Prints what the client takes at 32 streams of a simulated machine, and says whether it is
    under 5% of a core for 1,000 tok/s."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [harmonic, "up", "--stack", "starter", "--engine", "sim", "--port", str(port)]
    with server(command, url):
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
        run = bench(harmonic, url, "--levels", "32", "--trials", "3")
        after, seconds = resource.getrusage(resource.RUSAGE_CHILDREN), time.time() - began
    cpu = sum(getattr(after, f) - getattr(before, f) for f in ("ru_utime", "ru_stime"))
    rate = run["series"][0]["levels"][0]["tok_s"]["mean"]
    share = cpu / seconds / (rate / 1000)
    print(f"client          32x  {rate:8.1f} tok/s   {cpu / seconds:.1%} of a core: "
          f"{share:.1%} for 1,000 tok/s")
    return share < 0.05


def main():
    harmonic, llama_server = sys.argv[1:3]
    model = sys.argv[3] if len(sys.argv) > 3 else "smollm2:135m"
    shown = subprocess.run([harmonic, "models", "list", "--json"], check=True, stdout=subprocess.PIPE)
    path = next(m["path"] for m in json.loads(shown.stdout)["stored"] if m["record"]["name"] == model)
    fine = client_cost(harmonic)

    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with server([harmonic, "up", "--stack", "starter", "--port", str(port)], url):
        fine &= agree("harmonic", harmonic, url, "harmonic_generation_tokens_total", [])

    for slots, expected in (("32", False), ("1", True)):
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        context = str(int(slots) * 1024)
        with server([llama_server, "-m", path, "-np", slots, "-c", context, "--metrics",
                     "--port", str(port), "-t", "2"], url):
            if not expected:
                fine &= agree("llama-server", harmonic, url, "llamacpp:tokens_predicted_total", [])
            run = bench(harmonic, url, "--quick", "--levels", "1,8,32" if not expected else "1,4,8")
            found = [w for w in run["warnings"] if w["code"] == "serialises"]
            fine &= bool(found) == expected
            said = f"{found[0]['message']}: {found[0]['hint']}" if found else "no sign that it serialises"
            print(f"llama-server -np {slots}: {said}")
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
