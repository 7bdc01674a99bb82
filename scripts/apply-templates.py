#!/usr/bin/env python3
"""Has a real llama-server apply chat templates to conversations, for the test that compares.

    apply-templates.py LLAMA-SERVER MODEL TEMPLATES OUT
    apply-templates.py --digests OUT

Writes OUT/NAME.json for each TEMPLATES/NAME.jinja: what the server makes of each conversation, or
why it refuses. OUT/conversations.json says what was asked. OUT/prompts.txt has a line for each
prompt: the template, the conversation and a digest, with the day of the prompt left out; the second
form writes it anew. The last two are kept beside the test. Standard library only.
"""

import hashlib
import json
import pathlib
import subprocess
import sys
import time
import urllib.error
import urllib.request

PORT = 4337
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tells the weather <now> & then.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "Where"},
                "days": {"type": "integer", "description": "How long"},
            },
            "required": ["city"],
        },
    },
}
CALL = {
    "id": "a1b2c3d4e",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city": "Köln", "days": 2}'},
}
ASKED = {"role": "user", "content": "Is it warm in Köln?"}
SYSTEM = {"role": "system", "content": "You are brief."}
# What a template may read to learn whether to think. It is told explicitly: what a server assumes
# where it is not told differs between servers.
ON = {
    "enable_thinking": True,
    "thinking": True,
    "reasoning": True,
    "thinking_mode": "enabled",
    "thinking_option": "on",
}
OFF = {
    "enable_thinking": False,
    "thinking": False,
    "reasoning": False,
    "thinking_mode": "disabled",
    "thinking_option": "off",
    "thinking_budget": 0,
}
# Words for no effort that templates know, and those for some.
EFFORTS = ["none", "no_think", "minimal", "low", "medium", "high"]
CONVERSATIONS = {
    "plain": {"messages": [ASKED]},
    "system": {"messages": [SYSTEM, ASKED]},
    "turns": {
        "messages": [SYSTEM, ASKED, {"role": "assistant", "content": "Yes."}, {"role": "user", "content": "And dry?"}]
    },
    "tools": {"messages": [SYSTEM, ASKED], "tools": [TOOL]},
    "result": {
        "messages": [
            SYSTEM,
            ASKED,
            {"role": "assistant", "content": "", "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": CALL["id"], "name": "weather", "content": "21 °C"},
        ],
        "tools": [TOOL],
    },
}
for body in CONVERSATIONS.values():
    body["chat_template_kwargs"] = ON
CONVERSATIONS["off"] = {"messages": [ASKED], "chat_template_kwargs": OFF}
for effort in EFFORTS:
    for name, switches in [("off", OFF), ("on", ON)]:
        named = {"reasoning_effort": effort, "reasoning_strength": effort, "thinking_effort": effort}
        CONVERSATIONS[f"{name} {effort}"] = {
            "messages": [ASKED],
            "chat_template_kwargs": {**switches, **named},
        }
# Ways to write the day that templates use.
DAYS = ["%d %b %Y", "%b %d %Y", "%Y-%m-%d", "%B %d, %Y", "%d %B %Y"]


def post(path, body):
    request = urllib.request.Request(
        f"http://127.0.0.1:{PORT}{path}",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return json.loads(error.read() or b"{}")


def applied(server, model, template):
    # No warm-up, no slots worth the name: only the template is asked for.
    command = [server, "-m", model, "--host", "127.0.0.1", "--port", str(PORT), "--jinja"]
    command += ["--chat-template-file", str(template), "-c", "256", "--no-warmup", "-np", "1"]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        for _ in range(200):
            if running.poll() is not None:
                return {"refused": running.stderr.read().decode(errors="replace")[-2000:]}
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/health", timeout=1):
                    break
            except OSError:
                time.sleep(0.05)
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/props", timeout=5) as answer:
            props = json.load(answer)
        answers = {"tokens": {"bos": props["bos_token"], "eos": props["eos_token"]}}
        for name, body in CONVERSATIONS.items():
            answer = post("/apply-template", body)
            prompt = answer.get("prompt")
            answers[name] = {"prompt": prompt} if prompt is not None else {"refused": answer}
        return answers
    finally:
        running.kill()
        running.wait()


def digest(prompt):
    for day in DAYS:
        prompt = prompt.replace(time.strftime(day), "DAY")
    return hashlib.sha256(prompt.encode()).hexdigest()[:16]


def write_digests(out):
    asked = json.loads((out / "conversations.json").read_text())
    lines = []
    for path in sorted(out.glob("*.json")):
        if path.stem == "conversations":
            continue
        answers = json.loads(path.read_text())
        for name in asked["conversations"]:
            if "prompt" in answers.get(name, {}):
                lines.append(f"{path.stem}\t{name}\t{digest(answers[name]['prompt'])}\n")
    (out / "prompts.txt").write_text("".join(lines))


def main():
    if sys.argv[1] == "--digests":
        return write_digests(pathlib.Path(sys.argv[2]))
    server, model, templates, out = sys.argv[1:]
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    asked = {"conversations": CONVERSATIONS}
    for template in sorted(pathlib.Path(templates).glob("*.jinja")):
        answers = applied(server, model, template)
        asked["tokens"] = answers.pop("tokens", asked.get("tokens"))
        text = json.dumps(answers, ensure_ascii=False, indent=1)
        (out / f"{template.stem}.json").write_text(text)
        print(template.stem, "refused" if "refused" in answers else "applied", flush=True)
    (out / "conversations.json").write_text(json.dumps(asked, ensure_ascii=False, indent=1))
    write_digests(out)


if __name__ == "__main__":
    main()
