#!/usr/bin/env python3
"""Runs what `harmonic plan --emit llama-server` writes, with a real llama-server.

Asks each server for its health and for one answer of one of its agents, prints what it saw, and
stops the servers. Exit status 1 if any of it does not work.

usage: run-emitted.py HARMONIC LLAMA_SERVER [STACK]
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

# A server that loads a model of some gigabytes from a slow disk needs some minutes.
READY_WITHIN_S = 300


def fetch(url, body=None):
    """Status and text of a GET, or of a POST of `body`."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=READY_WITHIN_S) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except (urllib.error.URLError, OSError) as error:
        return None, str(error)


def wait_until_ready(server, base):
    """The answer of /health once it is 200."""
    until = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < until:
        if server.poll() is not None:
            sys.exit(f"the server ended with status {server.returncode}")
        status, text = fetch(f"{base}/health")
        if status == 200:
            return text
        time.sleep(0.2)
    sys.exit(f"{base} was not ready within {READY_WITHIN_S} s: {text}")


def check(script, folder, environment):
    """Runs one script, and asks its server."""
    text = script.read_text()
    print(text.splitlines()[-1])
    port = re.search(r"--port (\d+)", text).group(1)
    slots = int(re.search(r"-np (\d+)", text).group(1))
    agent = text.splitlines()[1].removeprefix("# ").split(", ")[0]
    base = f"http://127.0.0.1:{port}"
    log = folder / f"{script.stem}.log"
    with log.open("w") as out:
        server = subprocess.Popen(
            [script], env=environment, stdout=out, stderr=subprocess.STDOUT
        )
        try:
            print(f"GET /health: {wait_until_ready(server, base)}")
            _, answer = fetch(f"{base}/slots")
            contexts = {slot["n_ctx"] for slot in json.loads(answer)}
            print(f"GET /slots: {len(json.loads(answer))} slots of {contexts} tokens")
            if len(json.loads(answer)) != slots:
                sys.exit(f"the plan has {slots} sequences")
            messages = [
                {"role": "system", "content": (folder / f"{agent}.system.md").read_text()},
                {"role": "user", "content": "Say in one sentence what you do."},
            ]
            status, answer = fetch(
                f"{base}/v1/chat/completions", {"messages": messages, "max_tokens": 32}
            )
            if status != 200:
                sys.exit(f"POST /v1/chat/completions: {status} {answer}")
            answer = json.loads(answer)
            text = answer["choices"][0]["message"]["content"]
            print(f"POST /v1/chat/completions as {agent}: {text!r}, {answer['usage']}")
            if not answer["usage"]["completion_tokens"]:
                sys.exit("the answer is empty")
        except SystemExit:
            sys.stderr.write(log.read_text()[-4000:])
            raise
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()


def main():
    if not 3 <= len(sys.argv) <= 4:
        sys.exit(__doc__)
    harmonic, llama_server = sys.argv[1:3]
    stack = sys.argv[3] if len(sys.argv) == 4 else "starter"
    # The scripts look for `llama-server` in PATH.
    found = Path(llama_server).absolute().parent
    environment = os.environ | {"PATH": f"{found}{os.pathsep}{os.environ['PATH']}"}
    with tempfile.TemporaryDirectory() as folder:
        emit = ["plan", "--stack", stack, "--emit", "llama-server", "--out", folder]
        subprocess.run([harmonic, *emit], check=True)
        folder = Path(folder)
        scripts = sorted(folder.glob("llama-*.sh"))
        if not scripts:
            sys.exit("harmonic wrote no script")
        for script in scripts:
            check(script, folder, environment)


main()
