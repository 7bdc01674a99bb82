// The AI SDK with its providers for both of OpenAI's dialects, for compatible servers, and for
// Anthropic's.
import assert from "node:assert/strict";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { Output, generateText, jsonSchema, streamText, tool } from "ai";
import { AGENT, DAY, URL } from "./day.mjs";

const baseURL = `${URL}/v1`;
const openai = createOpenAI({ baseURL, apiKey: "any" });
const compatible = createOpenAICompatible({
  name: "harmonic",
  baseURL,
  includeUsage: true,
  supportsStructuredOutputs: true,
});
const anthropic = createAnthropic({ baseURL, apiKey: "any" });
const providers = {
  responses: openai.responses(AGENT),
  chat: openai.chat(AGENT),
  compatible: compatible(AGENT),
  anthropic: anthropic(AGENT),
};
const zone = {
  type: "object",
  properties: { zone: { type: "string", maxLength: 8 } },
  required: ["zone"],
  additionalProperties: false,
};
const tools = { today: tool({ description: "Tells the day.", inputSchema: jsonSchema(zone) }) };

for (const [name, model] of Object.entries(providers)) {
  const ask = { model, prompt: "Which day is it?", maxOutputTokens: 60, temperature: 0, maxRetries: 0 };
  const whole = await generateText(ask);
  assert.ok(whole.text && whole.usage.outputTokens > 0, name);

  const errors = [];
  const stream = streamText({ ...ask, onError: ({ error }) => errors.push(error) });
  let text = "";
  for await (const part of stream.textStream) text += part;
  assert.deepEqual(errors, [], name);
  assert.equal(text, whole.text, name);
  assert.equal((await stream.usage).outputTokens, whole.usage.outputTokens, name);

  const called = await generateText({ ...ask, tools, toolChoice: "required" });
  assert.equal(called.toolCalls[0]?.toolName, "today", name);
  const streamed = streamText({ ...ask, tools, toolChoice: { type: "tool", toolName: "today" } });
  assert.equal((await streamed.toolCalls)[0]?.toolName, "today", name);

  const formed = await generateText({ ...ask, output: Output.object({ schema: jsonSchema(DAY) }) });
  assert.match(formed.output.name, /^(Monday|Tuesday)$/, name);
}
