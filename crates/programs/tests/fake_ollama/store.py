"""Models of the store, which is read at each request."""

import json

import settings


class Fault(Exception):
    """An error with its HTTP status."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class Model:
    """A model of the store."""

    def __init__(self, manifest):
        self.path = manifest
        host, namespace, name, tag = manifest.parts[-4:]
        short = (host, namespace) == ("registry.ollama.ai", "library")
        self.name = f"{name}:{tag}" if short else f"{host}/{namespace}/{name}:{tag}"
        document = json.loads(manifest.read_text())
        self.layers = {layer["mediaType"].rsplit(".", 1)[-1]: layer for layer in document["layers"]}
        self.size = sum(layer["size"] for layer in document["layers"])
        self.blob = blob(self.layers["model"])
        self.config = json.loads(blob(document["config"]).read_text())

    def text(self, kind):
        return blob(self.layers[kind]).read_text() if kind in self.layers else ""

    def parameters(self):
        return json.loads(self.text("params") or "{}")

    def details(self):
        return {"format": self.config["model_format"], "family": self.config["model_family"],
                "families": self.config["model_families"], "parent_model": "",
                "parameter_size": self.config["model_type"],
                "quantization_level": self.config["file_type"]}

    def listed(self):
        return {"name": self.name, "model": self.name, "size": self.size, "digest": "0" * 64,
                "modified_at": settings.stamp(), "details": self.details()}


def blob(layer):
    return settings.STORE / "blobs" / layer["digest"].replace(":", "-")


def models():
    """All models; a manifest that is broken is left out with a warning."""
    found = []
    for manifest in sorted((settings.STORE / "manifests").glob("*/*/*/*")):
        try:
            found.append(Model(manifest))
        except (OSError, ValueError, KeyError) as error:
            settings.log("WARN", f'msg="bad manifest" name={manifest} error="{error}"')
    return found


def model_named(name):
    wanted = name if ":" in name else f"{name}:latest"
    for model in models():
        if model.name.lower() == wanted.lower():
            if not model.blob.exists():
                raise Fault(400, f'"{name}" does not support chat')
            return model
    raise Fault(404, f"model '{name}' not found")
