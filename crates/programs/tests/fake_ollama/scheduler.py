"""Which runner answers a request, and when a model is loaded anew."""

import queue
import threading
import time

import settings
from runner import Runner
from store import Fault

# Families that get one slot: docs/sources.md#architectures-with-one-slot-in-ollama.
ONE_SLOT = {"mllama", "qwen3vl", "qwen3vlmoe", "qwen35", "qwen35moe", "qwen3next", "lfm2", "lfm2moe",
            "nemotron_h", "nemotron_h_moe", "nemotron_h_omni"}

# On a machine without a GPU.
LOADED_LIMIT = settings.MAX_LOADED or 3


class Scheduler:
    """One runner for each model file; a request for other load options loads it anew."""

    def __init__(self):
        self.lock = threading.Condition()
        self.loaded = {}
        self.pending = queue.Queue(max(settings.MAX_QUEUE, 1))
        threading.Thread(target=self.load_pending, daemon=True).start()

    def acquire(self, model, options):
        """A runner for the request; waits for a load without limit, but not everyone may wait."""
        with self.lock:
            self.expire()
            runner = self.usable(model, options)
            if runner:
                return runner
        done = queue.Queue()
        try:
            self.pending.put_nowait((model, options, done))
        except queue.Full:
            raise Fault(503, "server busy, please try again.  maximum pending requests exceeded")
        return done.get()

    def usable(self, model, options):
        runner = self.loaded.get(model.blob)
        if runner and runner.alive() and runner.options == options:
            runner.users += 1
            runner.used = time.monotonic()
            return runner
        return None

    def load_pending(self):
        while True:
            model, options, done = self.pending.get()
            with self.lock:
                runner = self.usable(model, options)
                if not runner:
                    self.make_room(model)
            if not runner:
                # Requests of other models go on meanwhile; no one else loads.
                one = model.config["model_family"] in ONE_SLOT
                runner = Runner(model, options, 1 if one else settings.PARALLEL)
                runner.users = 1
                with self.lock:
                    self.loaded[model.blob] = runner
            done.put(runner)

    def make_room(self, model):
        """Ends the model's own runner, and others above the limit, once nobody uses them."""
        while len(self.loaded) >= LOADED_LIMIT or model.blob in self.loaded:
            own = model.blob in self.loaded
            idle = [key for key, runner in self.loaded.items()
                    if (runner.users == 0 or not runner.alive()) and (not own or key == model.blob)]
            if idle:
                self.unload(min(idle, key=lambda key: self.loaded[key].used))
            else:
                self.lock.wait()

    def release(self, runner, keep_alive):
        with self.lock:
            runner.users -= 1
            runner.used = time.monotonic()
            runner.keep_alive = keep_alive
            self.expire()
            self.lock.notify_all()

    def expire(self):
        now = time.monotonic()
        for key, runner in list(self.loaded.items()):
            limit = runner.keep_alive
            if runner.users == 0 and limit is not None and now - runner.used >= limit:
                self.unload(key)

    def unload(self, key):
        self.loaded.pop(key).end()
