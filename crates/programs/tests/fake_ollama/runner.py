"""The process of a loaded model, and the server's end of it."""

import json
import os
import socket
import subprocess
import sys
import threading
import time

import settings

# A runner whose server is gone ends after this time, which no test waits for.
ORPHAN_LIMIT_S = 600


class RunnerLost(Exception):
    """The runner ended before its answer did."""


def main():
    """`ollama runner -m BLOB -c CELLS -np SLOTS`: writes the tokens that each connection asks for."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    print(listener.getsockname()[1], flush=True)
    parent = os.getppid()

    def watch():
        while os.getppid() == parent:
            time.sleep(1)
        time.sleep(ORPHAN_LIMIT_S)
        os._exit(1)

    def answer(connection):
        try:
            with connection, connection.makefile("rw") as lines:
                for token in json.loads(lines.readline()):
                    time.sleep(settings.TOKEN_S)
                    print(json.dumps(token), file=lines, flush=True)
                print("done", file=lines, flush=True)
        except OSError:
            pass  # The client has gone.

    threading.Thread(target=watch, daemon=True).start()
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=answer, args=[connection], daemon=True).start()


class Runner:
    """A loaded model: a process with slots."""

    def __init__(self, model, options, slots):
        self.name, self.options, self.slots = model.name, options, slots
        self.slot = threading.Semaphore(slots)
        self.users = 0
        self.lost = False
        self.used = time.monotonic()
        self.keep_alive = settings.KEEP_ALIVE
        cells = options["num_ctx"] * slots
        command = [sys.executable, os.path.abspath(sys.argv[0]), "runner", "-m", str(model.blob),
                   "-c", str(cells), "-np", str(slots)]
        settings.log("INFO", f'msg="starting llama-server" cmd="{" ".join(command[2:])}"')
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        self.port = int(self.process.stdout.readline())
        time.sleep(settings.LOAD_S)

    def alive(self):
        # The end of a process is seen a moment after that of its connections.
        return not self.lost and self.process.poll() is None

    def tokens(self, tokens):
        """The tokens as they come; waits for a slot without limit."""
        with self.slot:
            try:
                with socket.create_connection(("127.0.0.1", self.port)) as connection:
                    with connection.makefile("rw") as lines:
                        print(json.dumps(tokens), file=lines, flush=True)
                        for line in lines:
                            if line == "done\n":
                                return
                            yield json.loads(line)
            except (OSError, ValueError):
                pass
        self.lost = True
        raise RunnerLost

    def end(self):
        self.process.kill()
        self.process.wait()
