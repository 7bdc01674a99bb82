"""Settings of the server, from its environment as Ollama reads it."""

import os
import re
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

VERSION = os.environ.get("FAKE_OLLAMA_VERSION", "0.33.0")
TOKEN_S = float(os.environ.get("FAKE_OLLAMA_TOKEN_MS", "4")) / 1000
LOAD_S = float(os.environ.get("FAKE_OLLAMA_LOAD_MS", "100")) / 1000

FOR_EVER = "2562047h47m16.854775807s"


def log(level, text):
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    print(f"time={now} level={level} source=fake.go:1 {text}", file=sys.stderr, flush=True)


def stamp(seconds=0.0):
    return (datetime.now(timezone.utc) + timedelta(seconds=seconds)).isoformat()


def number(name, default):
    """A setting that is a number; the default, with a warning, where it is none."""
    text = os.environ.get(name, "").strip(" '\"")
    if text.isdigit():
        return int(text)
    if text:
        log("WARN", f"invalid environment variable, using default key={name} value={text} default={default}")
    return default


def duration(text, default):
    """Seconds of a duration as Go writes it, or of a number; negative is for ever (None)."""
    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h)", text)
    if re.fullmatch(r"-?\d+", text):
        seconds = float(text)
    elif parts and re.fullmatch(r"-?(\d+(\.\d+)?(ms|s|m|h))+", text):
        seconds = sum(float(value) * units[unit] for value, unit in parts)
        seconds = -seconds if text.startswith("-") else seconds
    else:
        return default
    return None if seconds < 0 else seconds


def text(name):
    return os.environ.get(name, "").strip(" '\"")


def flag(name):
    """A setting that is true or false, as Go prints it."""
    return str(text(name) in ("1", "t", "T", "true", "True", "TRUE")).lower()


HOST, _, PORT = (text("OLLAMA_HOST") or "127.0.0.1:11434").rpartition(":")
HOME = Path(os.environ.get("HOME", "/")) / ".ollama"
STORE = Path(text("OLLAMA_MODELS") or HOME / "models")
PARALLEL = max(number("OLLAMA_NUM_PARALLEL", 1), 1)
CONTEXT_LENGTH = number("OLLAMA_CONTEXT_LENGTH", 0)
MAX_LOADED = number("OLLAMA_MAX_LOADED_MODELS", 0)
MAX_QUEUE = number("OLLAMA_MAX_QUEUE", 512)
KEEP_ALIVE = duration(text("OLLAMA_KEEP_ALIVE"), 300.0)


def printed():
    """The map that is logged, as Go prints it."""
    values = {"CUDA_VISIBLE_DEVICES": "", "OLLAMA_CONTEXT_LENGTH": CONTEXT_LENGTH,
              "OLLAMA_FLASH_ATTENTION": flag("OLLAMA_FLASH_ATTENTION"),
              "OLLAMA_HOST": f"http://{HOST}:{PORT}",
              "OLLAMA_KEEP_ALIVE": FOR_EVER if KEEP_ALIVE is None else f"{KEEP_ALIVE:g}s",
              "OLLAMA_KV_CACHE_TYPE": text("OLLAMA_KV_CACHE_TYPE"),
              "OLLAMA_MAX_LOADED_MODELS": MAX_LOADED, "OLLAMA_MAX_QUEUE": MAX_QUEUE,
              "OLLAMA_MODELS": STORE, "OLLAMA_NO_CLOUD": flag("OLLAMA_NO_CLOUD"),
              "OLLAMA_NUM_PARALLEL": PARALLEL,
              "OLLAMA_ORIGINS": "[http://localhost https://localhost app://*]", "http_proxy": ""}
    return "map[" + " ".join(f"{name}:{value}" for name, value in values.items()) + "]"
