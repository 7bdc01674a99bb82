"""A team that runs while a benchmark asks it."""
import contextlib
import os
import signal
import subprocess
import tempfile
import time


@contextlib.contextmanager
def served(harmonic, arguments):
    """Address of a team that `harmonic up` starts with these arguments, on a free port, with journals
    and logs of its own; it is stopped at the end."""
    # On the disk of the program, since a journal is flushed.
    with tempfile.TemporaryDirectory(dir=os.path.dirname(os.path.abspath(harmonic))) as folder:
        log = os.path.join(folder, "log")
        environment = {**os.environ, "XDG_STATE_HOME": folder}
        with open(log, "w") as out:
            server = subprocess.Popen(
                [harmonic, "up", "--port", "0", "--yes", *arguments],
                stdout=out, stderr=subprocess.STDOUT, start_new_session=True, env=environment,
            )
        try:
            yield address(server, log)
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait()


def address(server, log):
    """What the server says its address is, as soon as it does."""
    while True:
        if server.poll() is not None:
            raise SystemExit(open(log).read())
        for word in open(log).read().split():
            if word.startswith("http://127.0.0.1:"):
                return word.rstrip("/").removesuffix("/v1")
        time.sleep(0.1)
