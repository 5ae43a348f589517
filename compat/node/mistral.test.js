// @mistralai/mistralai: chat and fill-in-the-middle, whole and streamed, embeddings and models.
import assert from "node:assert/strict";
import { test } from "node:test";

import { REFUSAL, SCHEMA, TEXT, TOOL, each, fails, suite } from "./behaviours.js";

import { Mistral } from "@mistralai/mistralai";
import { SDKError } from "@mistralai/mistralai/models/errors";

const MODEL = "magistral-medium-latest";
const raises = (status, message = /\w/) => [SDKError, status, { message }];
const ERRORS = {
  authentication: raises(401), permission: raises(403), not_found: raises(400, /Invalid model: magistral-medium-latest/),
  rate_limit: raises(429, /Rate limit exceeded/), overloaded: raises(503), server_error: raises(500), timeout: raises(504),
  context_length: raises(400) };
const backoff = { initialInterval: 1, maxInterval: 1, exponent: 1, maxElapsedTime: 60000 };

const asking = ({ user, tools, schema, past }) => ({
  model: MODEL, messages: [{ role: "user", content: user }, ...(past ?? [])],
  ...(tools ? { tools: [{ type: "function", function: TOOL }] } : {}),
  ...(schema ? { responseFormat: { type: "json_schema", jsonSchema: { name: "weather", schemaDefinition: SCHEMA } } } : {}) });

/** The parts of a content, which is a text where there is nothing else in it. */
const parts = content => typeof content === "string" ? [{ type: "text", text: content }] : content ?? [];

function answered({ id, choices: [{ message, finishReason: stop }], usage }, { schema }) {
  const of = type => parts(message.content).filter(part => part.type === type);
  const text = of("text").map(part => part.text).join("");
  return {
    id, text, stop, refusal: "", raw: message, parsed: schema && JSON.parse(text),
    reasoning: of("thinking").flatMap(part => part.thinking).map(part => part.text).join(""),
    calls: (message.toolCalls ?? []).map(({ id, function: { name, arguments: text } }) =>
      ({ id, name, arguments: JSON.parse(text) })),
    usage: { input: usage.promptTokens, output: usage.completionTokens } };
}

/** The chunks of a stream put together by hand. */
async function gathered(events, seen, question) {
  const message = { role: "assistant", content: [] }, choice = { message }, whole = { choices: [choice] };
  for await (const { data: { id, usage, choices: [{ delta, finishReason }] } } of events) {
    whole.id = id;
    whole.usage = usage ?? whole.usage;
    choice.finishReason = finishReason ?? undefined;
    message.content.push(...parts(delta.content));
    message.toolCalls = delta.toolCalls ?? message.toolCalls;
    if (typeof delta.content === "string") seen.push(delta.content);
  }
  return answered(whole, question);
}

const WAYS = [{
  name: "Mistral",
  connect: (url, { key, retries }) => new Mistral({
    serverURL: url, apiKey: key, retryConfig: retries ? { strategy: "backoff", backoff } : { strategy: "none" } }),
  modes: {
    whole: async (client, question) => answered(await client.chat.complete(asking(question)), question),
    streamed: async (client, question, seen) => gathered(await client.chat.stream(asking(question)), seen, question) },
  follow: ({ raw, calls }, results) => [raw, ...calls.map(
    ({ id, name }, index) => ({ role: "tool", toolCallId: id, name, content: results[index] }))],
  stops: { stop: "stop", length: "length", tool_calls: "tool_calls", content_filter: "error" },
  errors: ERRORS, refused: { text: REFUSAL, stop: "error" }, broken: [Error, null],
  lacks: ["usage.reasoning", "usage.cached"],
  embed: async (client, inputs) =>
    (await client.embeddings.create({ model: "mistral-embed", inputs })).data.map(({ embedding }) => embedding) }];

const MOCKS = [{ match: { operation: "moderate", user: "hello" }, response: { text: TEXT } }];

suite("@mistralai/mistralai", WAYS, server => {
  const [{ connect, modes }] = WAYS;
  const first = () => connect(server.url, { key: "key", retries: 0 });

  test("a miss says why", () => each(WAYS, server, client =>
    fails(modes.whole(client, { user: "helo" }), raises(404, /no mock matches.*hello/), "whole")));

  test("a middle is filled in whole and streamed", async () => {
    const asked = { model: "codestral-latest", prompt: "hello", suffix: "world" };
    assert.equal((await first().fim.complete(asked)).choices[0].message.content, TEXT);
    let text = "";
    for await (const { data } of await first().fim.stream(asked)) text += data.choices[0].delta.content;
    assert.equal(text, TEXT);
  });

  test("texts, conversations and documents are judged, classified and read", async () => {
    const { classifiers, ocr } = first(), messages = [{ role: "user", content: "hello" }];
    for (const found of [
      await classifiers.moderate({ model: "m", inputs: ["hello"] }),
      await classifiers.moderateChat({ model: "m", inputs: messages })])
      assert.equal(Object.values(found.results[0].categories).length, 9);
    for (const found of [
      await classifiers.classify({ model: "m", inputs: ["hello"] }),
      await classifiers.classifyChat({ model: "m", input: { messages } })])
      assert.deepEqual(found.results, [{ default: { scores: { [TEXT]: 0.98 } } }]);
    const document = { type: "document_url", documentUrl: "hello" };
    assert.equal((await ocr.process({ model: null, document })).pages[0].markdown, TEXT);
  });

  test("models are listed", async () => {
    const { data } = await first().models.list();
    assert.ok(data.some(({ id }) => id === "mistral-small-latest"), JSON.stringify(data));
  });
}, MOCKS);
