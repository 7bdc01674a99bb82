// ollama-js, as used in a web backend.
import assert from "node:assert/strict";
import { Ollama } from "ollama";
import { AGENT, DAY, URL } from "./day.mjs";

const client = new Ollama({ host: URL });
const { models } = await client.list();
assert.ok(models.some((model) => model.name === AGENT && /^[0-9a-f]{64}$/.test(model.digest)));
const { models: running } = await client.ps();
assert.ok(running.some((model) => model.name === AGENT));
const shown = await client.show({ model: AGENT });
assert.equal(shown.details.family, "llama");

const ask = {
  model: AGENT,
  messages: [{ role: "user", content: "Name a day." }],
  options: { temperature: 0, num_predict: 20 },
};
const whole = await client.chat(ask);
assert.ok(whole.message.content && whole.eval_count > 0);
let text = "";
for await (const part of await client.chat({ ...ask, stream: true })) text += part.message.content;
assert.equal(text, whole.message.content);
const formed = await client.chat({ ...ask, format: DAY });
assert.match(JSON.parse(formed.message.content).name, /^(Monday|Tuesday)$/);
const generated = await client.generate({ model: AGENT, prompt: "Name a day.", options: ask.options });
assert.ok(generated.response);

// The output format makes the answer long enough to outlast the client.
const long = { type: "array", items: { enum: ["Monday", "Tuesday"] }, minItems: 500, maxItems: 500 };
const stream = await client.chat({ ...ask, stream: true, format: long, options: { num_predict: 2000 } });
await assert.rejects(async () => {
  for await (const _ of stream) stream.abort();
}, { name: "AbortError" });
await assert.rejects(client.chat({ ...ask, model: "nobody" }), /nobody/);
