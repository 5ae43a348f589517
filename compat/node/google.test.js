// @google/genai: the Gemini API, and Vertex AI in a project and in express mode.
import assert from "node:assert/strict";
import { test } from "node:test";

import { DEGREES, REFUSAL, SCHEMA, TEXT, TOOL, each, fails, replays, suite } from "./behaviours.js";

import { ApiError, GoogleGenAI } from "@google/genai";

const MODEL = "gemini-3-flash-preview";
/** An error: all that this SDK tells is a status and the body. */
const raises = (status, message) => [ApiError, status, { message }];
const GEMINI = {
  authentication: raises(400, /API_KEY_INVALID/), permission: raises(403, /PERMISSION_DENIED/),
  not_found: raises(404, /models\/gemini-3-flash-preview is not found/),
  rate_limit: raises(429, /RESOURCE_EXHAUSTED.*"retryDelay":"\d+s"/), overloaded: raises(503, /UNAVAILABLE/),
  server_error: raises(500, /INTERNAL/), timeout: raises(504, /DEADLINE_EXCEEDED/),
  context_length: raises(400, /input token count/) };
const VERTEX = {
  ...GEMINI, authentication: raises(401, /UNAUTHENTICATED/),
  not_found: raises(404, /Publisher Model `[^`]+gemini-3-flash-preview` not found/) };

const DECLARATION = { name: TOOL.name, description: TOOL.description, parametersJsonSchema: TOOL.parameters };

function asking({ user, tools, schema, past }) {
  const contents = [{ role: "user", parts: [{ text: user }] }, ...(past ?? [])];
  const config = {
    thinkingConfig: { includeThoughts: true }, ...(tools ? { tools: [{ functionDeclarations: [DECLARATION] }] } : {}),
    ...(schema ? { responseMimeType: "application/json", responseJsonSchema: SCHEMA } : {}) };
  return { model: MODEL, contents, config };
}

const partsOf = chunk => chunk.candidates?.[0].content?.parts ?? [];
const textOf = (parts, thought) => parts.filter(part => Boolean(part.thought) === thought).map(part => part.text ?? "").join("");

/** One answer, whole or the chunks of one. */
function answered(chunks, { schema }) {
  const parts = chunks.flatMap(partsOf), text = textOf(parts, false);
  const last = chunks.at(-1), { usageMetadata: usage } = last;
  assert.deepEqual(new Set(chunks.map(chunk => chunk.responseId)), new Set([last.responseId]));
  return {
    id: last.responseId, text, reasoning: textOf(parts, true), refusal: "", raw: parts, parsed: schema && JSON.parse(text),
    stop: last.candidates?.[0].finishReason ?? last.promptFeedback.blockReason,       // of the answer or of the prompt
    calls: chunks.flatMap(chunk => chunk.functionCalls ?? []).map(({ id, name, args }) => ({ id, name, arguments: args })),
    usage: {
      input: usage.promptTokenCount, output: (usage.candidatesTokenCount ?? 0) + (usage.thoughtsTokenCount ?? 0),
      reasoning: usage.thoughtsTokenCount, cached: usage.cachedContentTokenCount } };
}

async function gathered(stream, seen, question) {
  const chunks = [];
  for await (const chunk of stream) {
    chunks.push(chunk);
    seen.push(textOf(partsOf(chunk), false));
  }
  return answered(chunks, question);
}

const generate = {
  modes: {
    whole: async (client, question) => answered([await client.models.generateContent(asking(question))], question),
    streamed: async (client, question, seen) =>
      gathered(await client.models.generateContentStream(asking(question)), seen, question),
    helped: async (client, question) => {
      const { contents, ...others } = asking(question);
      const session = client.chats.create({ ...others, history: contents.slice(0, -1) });
      return gathered(await session.sendMessageStream({ message: contents.at(-1).parts }), [], question);
    } },
  follow: ({ raw, calls }, results) => [{ role: "model", parts: raw }, { role: "user", parts: calls.map(
    ({ id, name }, index) => ({ functionResponse: { id, name, response: { output: results[index] } } })) }],
  stops: { stop: "STOP", length: "MAX_TOKENS", tool_calls: "STOP", content_filter: "SAFETY" },
  refused: { text: REFUSAL, stop: "SAFETY" },
  broken: raises(503, /UNAVAILABLE/),
  embed: async (client, contents) =>
    (await client.models.embedContent({ model: "text-embedding-005", contents })).embeddings.map(({ values }) => values) };

/** A client; without a key its header is empty. */
const connect = (mode, header) => (url, { key, retries }) => new GoogleGenAI({ ...mode, httpOptions: {
  baseUrl: url, ...(key ? {} : { headers: { [header]: "" } }),
  ...(retries ? { retryOptions: { attempts: retries + 1, initialDelay: 0.001, jitter: 0 } } : {}) } });
const authClient = { getRequestHeaders: async () => new Headers({ authorization: "Bearer key" }) };
const project = { project: "p", location: "europe-west1", googleAuthOptions: { authClient } };
const WAYS = [
  { name: "Gemini", ...generate, errors: GEMINI, denied: raises(403, /unregistered callers/),
    connect: connect({ vertexai: false, apiKey: "key" }, "x-goog-api-key") },
  { name: "Vertex AI", ...generate, errors: VERTEX, connect: connect({ vertexai: true, ...project }, "authorization") },
  { name: "Vertex AI, express mode", ...generate, errors: VERTEX,
    connect: connect({ vertexai: true, apiKey: "key" }, "x-goog-api-key") },
];

suite("@google/genai", WAYS, server => {
  const every = (check, ways = WAYS) => each(ways, server, check);

  replays(WAYS);

  test("the SDK's own accessors find text and calls", () => every(async client => {
    const hello = await client.models.generateContent({ model: MODEL, contents: "hello" });
    assert.deepEqual([hello.text, hello.functionCalls, hello.modelVersion], [TEXT, undefined, MODEL]);
    let text = "";
    const chunks = await client.models.generateContentStream({ model: MODEL, contents: "hello" });
    for await (const chunk of chunks) text += chunk.text ?? "";
    assert.equal(text, TEXT);
  }));

  test("the SDK's own loop runs the tools and reaches the answer", () => every(async client => {
    const asked = [];
    const tool = {
      tool: async () => ({ functionDeclarations: [DECLARATION] }),
      callTool: async calls => calls.map(({ id, name, args: { city } }) => {
        asked.push(city);
        return { functionResponse: { id, name, response: { output: DEGREES[city] } } };
      }) };
    const question = { model: MODEL, contents: "think", config: { tools: [tool] } };
    assert.equal((await client.models.generateContent(question)).text, "Rome is warmer.");
    const texts = [];
    for await (const chunk of await client.models.generateContentStream(question)) texts.push(textOf(partsOf(chunk), false));
    assert.ok(texts.join("").endsWith("Rome is warmer."), texts.join(""));
    assert.deepEqual(asked, [...Object.keys(DEGREES), ...Object.keys(DEGREES)]);
  }));

  test("a chat remembers what was said", () => every(async client => {
    const chat = client.chats.create({ model: MODEL });
    assert.equal((await chat.sendMessage({ message: "hello" })).text, TEXT);
    assert.equal((await chat.sendMessage({ message: "again" })).text, "You said hello.");
    assert.equal(chat.getHistory().length, 4);
  }));

  test("candidates are numbered and equal", () => every(async client => {
    const question = { model: MODEL, contents: "hello", config: { candidateCount: 2 } };
    const { candidates } = await client.models.generateContent(question);
    assert.deepEqual(candidates.map(({ index, content }) => [index ?? 0, content.parts[0].text]), [[0, TEXT], [1, TEXT]]);
  }));

  test("a miss says why", () => every((client, { name, modes: { whole } }) => fails(
    whole(client, { user: "helo" }), raises(404, /no mock matches.*hello/), name)));

  test("tokens are counted", () => every(async client =>
    assert.equal((await client.models.countTokens({ model: MODEL, contents: "count" })).totalTokens, 31)));

  test("models are listed and any can be retrieved", () => every(async client => {
    const names = [];
    for await (const { name } of await client.models.list()) names.push(name);
    assert.ok(names.length && names.every(name => name.startsWith("models/")), names.join());
    assert.equal((await client.models.get({ model: "gemini-mine" })).name, "models/gemini-mine");
  }, WAYS.slice(0, 1)));
}, [
  { match: { operation: "count_tokens", user: "count" }, response: { text: "", usage: { input_tokens: 31 } } },
  { match: { user: "again", turn: 1 }, response: { text: "You said hello." } },
]);
