// cohere-ai: chat, whole and streamed, and embed of the API's second version.
import assert from "node:assert/strict";
import { test } from "node:test";

import { REFUSAL, SCHEMA, TOOL, each, fails, suite } from "./behaviours.js";

import { Cohere, CohereClientV2 } from "cohere-ai";

// The SDK's own way to retry, but without its long pauses.
const wait = globalThis.setTimeout;
globalThis.setTimeout = (act, delay, ...given) => wait(act, delay > 500 && delay < 5000 ? 1 : delay, ...given);

/** Sends no credential: the SDK asks for one. */
function anonymous(url, { headers, ...init }) {
  const left = new Headers(headers);
  left.delete("authorization");
  return fetch(url, { ...init, headers: left });
}

const MODEL = "command-a-03-2025";
const raises = (name, status, message = /\w/) => [Cohere[name], status, { message }];
const ERRORS = {
  authentication: raises("UnauthorizedError", 401, /invalid api token/), permission: raises("ForbiddenError", 403),
  not_found: raises("NotFoundError", 404, /command-a-03-2025/), rate_limit: raises("TooManyRequestsError", 429, /Trial key/),
  overloaded: raises("ServiceUnavailableError", 503), server_error: raises("InternalServerError", 500),
  timeout: raises("GatewayTimeoutError", 504), context_length: raises("BadRequestError", 400, /too many tokens/) };

const asking = ({ user, tools, schema, past }) => ({
  model: MODEL, messages: [{ role: "user", content: user }, ...(past ?? [])],
  ...(tools ? { tools: [{ type: "function", function: TOOL }] } : {}),
  ...(schema ? { responseFormat: { type: "json_object", jsonSchema: SCHEMA } } : {}) });

function answered({ id, message, finishReason: stop, usage }, { schema }) {
  const of = type => (message.content ?? []).filter(part => part.type === type);
  // Text beside tool calls is a plan.
  const text = message.toolPlan || of("text").map(part => part.text).join("");
  return {
    id, text, reasoning: of("thinking").map(part => part.thinking).join(""), refusal: "", stop, raw: message,
    parsed: schema && JSON.parse(text),
    calls: (message.toolCalls ?? []).map(({ id, function: { name, arguments: text } }) =>
      ({ id, name, arguments: JSON.parse(text) })),
    usage: { input: usage.tokens.inputTokens, output: usage.tokens.outputTokens, cached: usage.cachedTokens } };
}

/** The events of a stream put together by hand. */
async function gathered(events, seen, question) {
  const message = { content: [], toolPlan: "", toolCalls: [] }, whole = { message };
  for await (const { type, id, index, delta } of events) {
    const { content, toolPlan, toolCalls } = delta?.message ?? {};
    if (type === "message-start") whole.id = id;
    if (type === "content-start") message.content[index] = content;
    if (type === "content-delta") {
      for (const [name, piece] of Object.entries(content)) message.content[index][name] += piece;
      seen.push(content.text ?? "");
    }
    if (type === "tool-plan-delta") message.toolPlan += toolPlan;
    if (type === "tool-call-start") message.toolCalls[index] = toolCalls;
    if (type === "tool-call-delta") message.toolCalls[index].function.arguments += toolCalls.function.arguments;
    if (type === "message-end") Object.assign(whole, delta);
  }
  return answered(whole, question);
}

const WAYS = [{
  name: "CohereClientV2",
  connect: (url, { key, retries }) =>
    new CohereClientV2({ environment: url, maxRetries: retries, token: "key", fetch: key ? fetch : anonymous }),
  modes: {
    whole: async (client, question) => answered(await client.chat(asking(question)), question),
    streamed: async (client, question, seen) => gathered(await client.chatStream(asking(question)), seen, question) },
  follow: ({ raw: { toolCalls, toolPlan }, calls }, results) => [{ role: "assistant", toolCalls, toolPlan },
    ...calls.map(({ id }, index) => ({ role: "tool", toolCallId: id, content: results[index] }))],
  stops: { stop: "COMPLETE", length: "MAX_TOKENS", tool_calls: "TOOL_CALL", content_filter: "ERROR" },
  errors: ERRORS, denied: raises("UnauthorizedError", 401, /no api key supplied/), refused: { text: REFUSAL, stop: "ERROR" },
  lacks: ["usage.reasoning", "interruption"],
  embed: async (client, texts) => (await client.embed(
    { model: "embed-v4.0", texts, inputType: "search_query", embeddingTypes: ["float"] })).embeddings.float }];

suite("cohere-ai", WAYS, server => {
  const [{ connect, modes }] = WAYS;

  test("a miss says why", () => each(WAYS, server, client =>
    fails(modes.whole(client, { user: "helo" }), raises("NotFoundError", 404, /no mock matches.*hello/), "whole")));

  test("an error in mid-stream is how the message ends", () => each(WAYS, server, async client => {
    const events = [];
    for await (const event of await client.chatStream(asking({ user: "break" }))) events.push(event);
    const { type, delta } = events.at(-1);
    assert.deepEqual([type, delta.finishReason, delta.error], ["message-end", "ERROR", "service unavailable"]);
  }));

  test("embeddings come in every type that is asked for", async () => {
    const client = connect(server.url, { key: "key", retries: 0 });
    const asked = { model: "embed-v4.0", texts: ["one"], inputType: "search_query", embeddingTypes: ["float", "int8", "base64"] };
    const { embeddings, responseType } = await client.embed(asked);
    assert.equal(responseType, "embeddings_by_type");
    assert.deepEqual([embeddings.float[0].length, embeddings.int8[0].length, embeddings.base64[0]], [3, 3, "AACAPgAAAL8AAIA/"]);
  });
});
