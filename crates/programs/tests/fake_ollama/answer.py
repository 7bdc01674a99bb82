"""One answer, in the dialect of the path that was asked."""

import json
import time
from contextlib import closing

import settings
from runner import RunnerLost
from store import Fault

# Tokens of an answer without a limit.
ANSWER_TOKENS = 32

# A prompt with this word is answered by one token again and again, which ends without an end.
REPEAT, REPEATS = "REPEAT", 31

LOST = "an error was encountered while running the model: unexpected EOF"


class Answer:
    """The answer to one request, in the dialect of its path."""

    counter = 0

    def __init__(self, handler, model, body, runner, words, given):
        self.handler, self.name, self.runner, self.words = handler, body["model"], runner, words
        self.is_openai = handler.path.startswith("/v1/")
        self.is_chat = handler.path == "/api/chat"
        self.streams = body.get("stream", not self.is_openai)
        self.usage_wanted = (body.get("stream_options") or {}).get("include_usage", False)
        limit = body.get("max_tokens") or body.get("max_completion_tokens") or given.get("num_predict") or -1
        self.reason = "length" if limit > 0 else "stop"
        self.count = limit if limit > 0 else ANSWER_TOKENS
        # Of the whole prompt, also where it was computed before.
        self.prompt_tokens = len(" ".join([model.text("system"), *words]).split())
        Answer.counter += 1
        self.id = f"chatcmpl-{Answer.counter}"
        self.started = time.monotonic_ns()

    def write(self, unloads):
        if not self.words and not self.is_openai:
            return self.handler.reply(self.native("", "unload" if unloads else "load"))
        repeats = any(REPEAT in words for words in self.words)
        tokens = ["again "] * REPEATS if repeats else [f"word{n} " for n in range(self.count)]
        if self.streams:
            self.stream(tokens, repeats)
        else:
            self.collect(tokens)

    def native(self, text, reason=None):
        part = {"message": {"role": "assistant", "content": text}} if self.is_chat else {"response": text}
        line = {"model": self.name, "created_at": settings.stamp(), **part, "done": reason is not None}
        if reason is not None:
            line["done_reason"] = reason
        if reason in ("stop", "length"):
            took = time.monotonic_ns() - self.started
            line |= {"total_duration": took, "load_duration": 1, "prompt_eval_duration": 1,
                     "prompt_eval_count": self.prompt_tokens, "eval_count": self.count,
                     "eval_duration": took}
        return line

    def usage(self):
        return {"prompt_tokens": self.prompt_tokens, "completion_tokens": self.count,
                "total_tokens": self.prompt_tokens + self.count}

    def chunk(self, text, reason=None, model=None):
        return {"id": self.id, "object": "chat.completion.chunk", "created": int(time.time()),
                "model": self.name if model is None else model, "system_fingerprint": "fp_ollama",
                "choices": [{"index": 0, "delta": {"role": "assistant", "content": text},
                             "finish_reason": reason}]}

    def line(self, document):
        text = json.dumps(document)
        self.handler.send(f"data: {text}\n\n" if self.is_openai else f"{text}\n")

    def stream(self, tokens, repeats):
        self.handler.start_stream("text/event-stream" if self.is_openai else "application/x-ndjson")
        part = self.chunk if self.is_openai else self.native
        try:
            with closing(self.runner.tokens(tokens)) as came:
                for token in came:
                    self.line(part(token))
            if not repeats:
                self.line(part("", self.reason))
                if self.is_openai:
                    if self.usage_wanted:
                        self.line({**self.chunk(""), "choices": [], "usage": self.usage()})
                    self.handler.send("data: [DONE]\n\n")
        except RunnerLost:
            # OpenAI's dialect has no error then, and no end.
            self.line(self.chunk("", model="") if self.is_openai else {"error": LOST})
        self.handler.end_stream()

    def collect(self, tokens):
        try:
            text = "".join(self.runner.tokens(tokens))
        except RunnerLost:
            raise Fault(500, LOST)
        if self.is_openai:
            choice = {"index": 0, "message": {"role": "assistant", "content": text},
                      "finish_reason": self.reason}
            self.handler.reply({**self.chunk(""), "object": "chat.completion", "choices": [choice],
                                "usage": self.usage()})
        else:
            self.handler.reply(self.native(text, self.reason))
