"""The HTTP API."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import settings
from answer import Answer
from scheduler import Scheduler
from store import Fault, model_named, models

# Options whose change loads the model anew.
LOAD_OPTIONS = ("num_ctx", "num_batch", "num_gpu", "num_thread", "main_gpu", "use_mmap")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 0
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def reply(self, body, status=200, kind="application/json; charset=utf-8"):
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def fault(self, status, message):
        if self.path.startswith("/v1/"):
            kind = {404: "not_found_error", 400: "invalid_request_error"}.get(status, "api_error")
            self.reply({"error": {"message": message, "type": kind, "param": None, "code": None}}, status)
        else:
            self.reply({"error": message}, status)

    def start_stream(self, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.chunked = self.request_version == "HTTP/1.1"
        self.send_header("Transfer-Encoding", "chunked") if self.chunked else None
        self.close_connection = not self.chunked
        self.end_headers()

    def send(self, text):
        data = text.encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data) if self.chunked else data)

    def end_stream(self):
        if self.chunked:
            self.wfile.write(b"0\r\n\r\n")

    def do_GET(self):
        paths = {"/": lambda: "Ollama is running", "/api/version": lambda: {"version": settings.VERSION},
                 "/api/tags": lambda: {"models": [model.listed() for model in models()]},
                 "/api/ps": self.running,
                 "/v1/models": lambda: {"object": "list", "data": [
                     {"id": model.name, "object": "model", "created": 0, "owned_by": "library"}
                     for model in models()]}}
        if self.path in paths:
            self.reply(paths[self.path]())
        else:
            self.reply("404 page not found", 404, "text/plain")

    do_HEAD = do_GET

    def running(self):
        with self.server.scheduler.lock:
            self.server.scheduler.expire()
            listed = []
            for runner in self.server.scheduler.loaded.values():
                model = next((model for model in models() if model.name == runner.name), None)
                if model:
                    until = 10**9 if runner.keep_alive is None else runner.keep_alive
                    listed.append({**model.listed(), "expires_at": settings.stamp(until), "size_vram": 0,
                                   "context_length": runner.options["num_ctx"]})
            return {"models": listed}

    def do_POST(self):
        paths = {"/api/chat": self.chat, "/api/generate": self.chat, "/api/show": self.show,
                 "/v1/chat/completions": self.chat, "/api/delete": self.delete}
        try:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"null")
            if self.path not in paths:
                return self.reply("404 page not found", 404, "text/plain")
            if not isinstance(body, dict):
                raise Fault(400, "missing request body")
            paths[self.path](body)
        except Fault as fault:
            self.fault(fault.status, str(fault))
        except ValueError as error:
            self.fault(400, str(error))
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_DELETE = do_POST

    def show(self, body):
        model = model_named(body.get("model") or body.get("name") or "")
        parameters = "\n".join(f"{name} {value}" for name, value in model.parameters().items())
        self.reply({"system": model.text("system"), "template": model.text("template"),
                    "parameters": parameters, "details": model.details(),
                    "model_info": {"general.architecture": model.config["model_family"]},
                    "capabilities": ["completion"]})

    def delete(self, body):
        model_named(body.get("model") or body.get("name") or "").path.unlink()
        self.reply("", 200, "text/plain")

    def chat(self, body):
        model = model_named(body.get("model", ""))
        keep_alive = settings.KEEP_ALIVE
        if "keep_alive" in body:
            keep_alive = settings.duration(str(body["keep_alive"]), "invalid")
            if keep_alive == "invalid":
                raise Fault(400, f'time: invalid duration "{body["keep_alive"]}"')
        given = {**model.parameters(), **(body.get("options") or {})}
        options = {name: given.get(name) for name in LOAD_OPTIONS}
        options["num_ctx"] = int(options["num_ctx"] or settings.CONTEXT_LENGTH or 4096)
        words = [str(message.get("content") or "") for message in body.get("messages") or []]
        words += [body["prompt"]] if body.get("prompt") else []
        runner = self.server.scheduler.acquire(model, options)
        try:
            Answer(self, model, body, runner, words, given).write(keep_alive == 0)
        finally:
            self.server.scheduler.release(runner, keep_alive)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512
    allow_reuse_address = True

    def __init__(self):
        super().__init__((settings.HOST, int(settings.PORT)), Handler)
        self.scheduler = Scheduler()
