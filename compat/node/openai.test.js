// openai: OpenAI and AzureOpenAI with chat completions and responses, and the OpenAI-compatible paths of Google.
import assert from "node:assert/strict";
import { test } from "node:test";

import { DEGREES, REFUSAL, TEXT, TOOL, each, fails, replays, suite } from "./behaviours.js";

import OpenAI, { APIError, AuthenticationError, AzureOpenAI, BadRequestError, InternalServerError, NotFoundError,
  PermissionDeniedError, RateLimitError } from "openai";
import { ContentFilterFinishReasonError, LengthFinishReasonError } from "openai/error";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";

const MODEL = "gpt-4o-mini";
const ERRORS = {
  authentication: [AuthenticationError, 401, { code: "invalid_api_key", type: "invalid_request_error" }],
  permission: [PermissionDeniedError, 403], not_found: [NotFoundError, 404, { code: "model_not_found", message: /gpt-4o-mini/ }],
  rate_limit: [RateLimitError, 429, { code: "rate_limit_exceeded", type: "requests" }], overloaded: [InternalServerError, 503],
  server_error: [InternalServerError, 500, { type: "server_error" }], timeout: [InternalServerError, 504],
  context_length: [BadRequestError, 400, { code: "context_length_exceeded" }] };
const DENIED = [AuthenticationError, 401, { message: /provide an API key/ }];
// Azure's gateway has codes of its own, and it refuses what its filters object to.
const AZURE = {
  ...ERRORS, authentication: [AuthenticationError, 401, { code: "401" }],
  not_found: [NotFoundError, 404, { code: "DeploymentNotFound" }], rate_limit: [RateLimitError, 429, { code: "429" }],
  content_filter: [BadRequestError, 400, { code: "content_filter", param: "prompt", message: /content management policy/ }] };
// Google wraps its errors in an array, in which this SDK finds no message.
const GOOGLE = Object.fromEntries(Object.entries(ERRORS).map(([kind, [error, status]]) => [kind, [error, status]]));
const Weather = z.object({ city: z.string(), degrees: z.int() });

// Without a key the SDK starts no client; without its header the key stays at home.
const options = ({ key, retries }) => ({
  apiKey: key || "none", maxRetries: retries, ...(key ? {} : { defaultHeaders: { authorization: null, "api-key": null } }) });
const openai = path => (url, asked) => new OpenAI({ baseURL: url + path, ...options(asked) });
const azure = (url, asked) => new AzureOpenAI({ endpoint: url, apiVersion: "2024-10-21", ...options(asked) });

// --- Chat completions ---

function chatting({ user, tools, schema, past }) {
  return {
    model: MODEL, messages: [{ role: "user", content: user }, ...(past ?? [])],
    ...(tools ? { tools: [{ type: "function", function: { ...TOOL, strict: true } }] } : {}),
    ...(schema ? { response_format: zodResponseFormat(Weather, "weather") } : {}) };
}

function chatted(completion, reasoning) {
  const { message, finish_reason: stop } = completion.choices[0];
  const { usage } = completion;
  return {
    id: completion.id, text: message.content ?? "", refusal: message.refusal ?? "", stop, raw: message,
    reasoning: reasoning ?? message.reasoning_content ?? "", parsed: message.parsed ?? undefined,
    calls: (message.tool_calls ?? []).map(({ id, function: { name, arguments: text, parsed_arguments: parsed } }) =>
      ({ id, name, arguments: parsed ?? JSON.parse(text) })),
    usage: usage && {
      input: usage.prompt_tokens, output: usage.completion_tokens,
      reasoning: usage.completion_tokens_details?.reasoning_tokens, cached: usage.prompt_tokens_details?.cached_tokens } };
}

/** The chunks of a stream put together by hand. */
async function gathered(chunks, seen) {
  const message = { role: "assistant", content: "", refusal: "", reasoning_content: "" };
  const whole = { choices: [{ message }] };
  for await (const { id, usage, choices: [choice] } of chunks) {
    whole.id = id || whole.id;                          // Azure's first chunk has none
    whole.usage = usage ?? whole.usage;
    if (!choice) continue;
    assert.equal(whole.choices[0].finish_reason, undefined, "nothing follows the finish reason");
    seen.push(choice.delta.content ?? "");
    for (const name of ["content", "refusal", "reasoning_content"]) message[name] += choice.delta[name] ?? "";
    for (const { index: at, id: own, function: { name, arguments: piece } } of choice.delta.tool_calls ?? []) {
      const calls = message.tool_calls ??= [];
      const index = at ?? calls.length;                 // Google's calls come whole, and without one
      calls[index] ??= { id: own, type: "function", function: { name, arguments: "" } };
      calls[index].function.arguments += piece;
    }
    whole.choices[0].finish_reason = choice.finish_reason ?? undefined;
  }
  return chatted(whole);
}

/** With the text parsed by hand, where no helper does it. */
const byHand = (answer, { schema }) => ({ ...answer, parsed: schema && JSON.parse(answer.text) });

const chat = {
  modes: {
    whole: async (client, question) => question.schema || question.tools
      ? chatted(await client.chat.completions.parse(chatting(question)))
      : chatted(await client.chat.completions.create(chatting(question))),
    streamed: async (client, question, seen) => byHand(await gathered(await client.chat.completions.create(
      { ...chatting(question), stream: true, stream_options: { include_usage: true } }), seen), question),
    helped: async (client, question) => {
      let reasoning = "";                               // the helper keeps only the last piece of what it does not know
      const stream = client.chat.completions.stream({ ...chatting(question), stream_options: { include_usage: true } });
      stream.on("chunk", chunk => reasoning += chunk.choices[0]?.delta.reasoning_content ?? "");
      return chatted(await stream.finalChatCompletion(), reasoning);
    } },
  follow: ({ raw, calls }, results) => [raw, ...calls.map(
    ({ id }, index) => ({ role: "tool", tool_call_id: id, content: results[index] }))],
  stops: { stop: "stop", length: "length", tool_calls: "tool_calls", content_filter: "content_filter" },
  broken: [APIError, undefined],
  embed: async (client, input) =>
    (await client.embeddings.create({ model: "text-embedding-3-small", input })).data.map(({ embedding }) => embedding) };

// --- The same at Google, with thoughts in the text ---

function thinking({ text, ...answer }) {
  const [, reasoning = "", rest] = /^(?:<thought>(.*)<\/thought>)?(.*)$/s.exec(text);
  return { ...answer, text: rest, reasoning };
}

const google = {
  ...chat,
  modes: {
    whole: async (...asked) => thinking(await chat.modes.whole(...asked)),
    streamed: async (...asked) => thinking(await chat.modes.streamed(...asked)) },
  refused: { text: REFUSAL, refusal: "", stop: "content_filter" },
  spent: { output: 5, reasoning: undefined } };         // thoughts count in the total alone

// --- Responses ---

function responding({ user, tools, schema, past }) {
  return {
    model: MODEL, input: [{ role: "user", content: user }, ...(past ?? [])], reasoning: { summary: "auto" },
    ...(tools ? { tools: [{ type: "function", strict: true, ...TOOL }] } : {}),
    ...(schema ? { text: { format: zodTextFormat(Weather, "weather") } } : {}) };
}

function responded(response) {
  const of = type => response.output.filter(item => item.type === type);
  const content = of("message").flatMap(item => item.content);
  const { usage } = response;
  return {
    id: response.id, refusal: content.map(part => part.refusal ?? "").join(""),
    text: content.map(part => part.text ?? "").join(""),
    reasoning: of("reasoning").flatMap(item => item.summary).map(part => part.text).join(""), raw: response.output,
    stop: response.incomplete_details?.reason ?? response.status, parsed: response.output_parsed ?? undefined,
    calls: of("function_call").map(({ call_id: id, name, arguments: text, parsed_arguments: parsed }) =>
      ({ id, name, arguments: parsed ?? JSON.parse(text) })),
    usage: usage && {
      input: usage.input_tokens, output: usage.output_tokens,
      reasoning: usage.output_tokens_details.reasoning_tokens, cached: usage.input_tokens_details.cached_tokens } };
}

/** What the last event of a stream says, once the deltas before it have said the same. */
async function followed(events, seen) {
  const pieces = {};
  let last, number = 0;
  for await (const event of events) {
    assert.equal(event.sequence_number, number++, event.type);
    if (event.type.endsWith(".delta")) (pieces[event.type.split(".")[1]] ??= []).push(event.delta);
    if (event.type === "response.output_text.delta") seen.push(event.delta);
    last = event;
  }
  const answer = responded(last.response);
  const said = ["output_text", "refusal", "reasoning_summary_text", "function_call_arguments"]
    .map(name => (pieces[name] ?? []).join(""));
  const called = last.response.output.map(item => item.arguments ?? "").join("");
  assert.deepEqual(said, [answer.text, answer.refusal, answer.reasoning, called]);
  return answer;
}

const responses = {
  modes: {
    whole: async (client, question) => question.schema || question.tools
      ? responded(await client.responses.parse(responding(question)))
      : responded(await client.responses.create(responding(question))),
    streamed: async (client, question, seen) => byHand(await followed(
      await client.responses.create({ ...responding(question), stream: true }), seen), question),
    helped: async (client, question) => responded(await client.responses.stream(responding(question)).finalResponse()) },
  follow: ({ raw, calls }, results) => [...raw, ...calls.map(
    ({ id }, index) => ({ type: "function_call_output", call_id: id, output: results[index] }))],
  stops: { stop: "completed", length: "max_output_tokens", tool_calls: "completed", content_filter: "content_filter" },
  broken: [APIError, undefined] };

const WAYS = [
  { name: "OpenAI chat", connect: openai("/v1"), errors: ERRORS, denied: DENIED, ...chat },
  { name: "OpenAI chat behind a prefix", connect: openai("/serving/openai/v1"), errors: ERRORS, denied: DENIED, ...chat },
  { name: "AzureOpenAI chat", connect: azure, errors: AZURE, ...chat },
  { name: "Azure v1 chat", connect: openai("/openai/v1"), errors: AZURE, ...chat },
  { name: "OpenAI responses", connect: openai("/v1"), denied: DENIED, ...responses,
    errors: { ...ERRORS, not_found: [BadRequestError, 400, { code: "model_not_found" }] } },
  { name: "AzureOpenAI responses", connect: azure, errors: AZURE, ...responses },
  { name: "Azure v1 responses", connect: openai("/openai/v1"), errors: AZURE, ...responses },
  { name: "OpenAI chat at Gemini", connect: openai("/v1beta/openai"), ...google,
    errors: { ...GOOGLE, authentication: [BadRequestError, 400] }, denied: [PermissionDeniedError, 403] },
  { name: "OpenAI chat at Vertex AI", connect: openai("/v1beta1/projects/p/locations/global/endpoints/openapi"), ...google,
    errors: GOOGLE, embed: undefined },
];

suite("openai", WAYS, server => {
  const chats = check => each(WAYS.filter(({ follow }) => follow === chat.follow), server, check);
  const first = () => WAYS[0].connect(server.url, { key: "key", retries: 0 });

  replays(WAYS.filter(({ name }) => ["OpenAI chat", "AzureOpenAI chat", "Azure v1 chat"].includes(name)));

  test("a miss is not found and says why", () => each(WAYS, server, async (client, { name, modes: { whole } }) => {
    const members = name.includes(" at ") ? {} : { message: /no mock matches.*hello/ };
    await fails(whole(client, { user: "helo" }), [NotFoundError, 404, members], name);
  }));

  test("parsing what was cut off or filtered raises", () => chats(async client => {
    for (const [stop, error] of [["length", LengthFinishReasonError], ["content_filter", ContentFilterFinishReasonError]]) {
      await assert.rejects(client.chat.completions.parse(chatting({ user: `end ${stop}` })), error);
    }
  }));

  test("the SDK's own loop runs the tools and reaches the answer", () => chats(async client => {
    const asked = [];
    const run = ({ city }) => (asked.push(city), DEGREES[city]);
    const tool = { type: "function", function: { ...TOOL, parse: JSON.parse, function: run } };
    const loop = client.chat.completions.runTools({ ...chatting({ user: "think" }), tools: [tool] });
    assert.equal(await loop.finalContent(), "Rome is warmer.");
    assert.deepEqual(asked, Object.keys(DEGREES));
  }));

  // As with the real API (openai-python has the same, issue 2806).
  test("the SDK's helper does not take Google's streamed tool calls without an index", () => each(WAYS.slice(-2), server, client =>
    assert.rejects(client.chat.completions.stream(chatting({ user: "think", tools: true })).finalChatCompletion(),
      /invalid tool call index: undefined/)));

  test("a stream has usage only when asked", () => chats(async client => {
    const chunks = await client.chat.completions.create({ ...chatting({ user: "hello" }), stream: true });
    for await (const { usage } of chunks) assert.equal(usage ?? undefined, undefined);
  }));

  test("embeddings travel in the encoding that was asked for", async () => {
    const ask = async encoding_format => {
      const asked = { model: "text-embedding-3-small", input: "one", encoding_format };
      return (await (await first().embeddings.create(asked).asResponse()).json()).data[0].embedding;
    };
    const coded = "AACAPgAAAL8AAIA/";                   // which the SDK asks for by itself
    assert.deepEqual([await ask("float"), await ask("base64"), await ask()], [[0.25, -0.5, 1], coded, coded]);
  });

  test("the answer is compressed on the wire and plain in the SDK", async () => {
    const { data, response, request_id } = await first().chat.completions.create(chatting({ user: "hello" })).withResponse();
    assert.equal(response.headers.get("content-encoding"), "gzip");
    assert.equal(data.choices[0].message.content, TEXT);
    assert.match(request_id, /^req_[0-9a-f]{32}$/);
  });

  // Google says it in the body.
  test("a rate limit says how long to wait", () => each(WAYS.slice(0, -2), server, async (client, { name, modes: { whole } }) => {
    const error = await whole(client, { user: "fail rate_limit" }).catch(error => error);
    assert.ok(Number(error.headers.get("retry-after")) > 0, name);
  }));

  test("the other APIs answer", async () => {
    const client = first();
    assert.equal((await client.completions.create({ model: MODEL, prompt: "hello" })).choices[0].text, TEXT);
    let text = "";
    const chunks = await client.completions.create({ model: MODEL, prompt: "hello", stream: true });
    for await (const { choices } of chunks) text += choices[0].text;
    assert.equal(text, TEXT);
    assert.equal((await client.moderations.create({ input: "nasty" })).results[0].flagged, true);
    const names = [];
    for await (const model of client.models.list()) names.push(model.id);
    assert.ok(names.includes(MODEL));
    assert.equal((await client.models.retrieve("my-own-model")).id, "my-own-model");
  });

  test("a response is retrieved, streamed again, listed and deleted", async () => {
    const { responses } = first();
    const made = await responses.create({ model: MODEL, input: "hello" });
    const { output_text: text, ...retrieved } = await responses.retrieve(made.id);
    assert.equal(text, TEXT);
    assert.deepEqual({ ...retrieved, output_text: text }, made);
    const seen = [];
    for await (const event of await responses.retrieve(made.id, { stream: true, starting_after: 2 })) seen.push(event);
    assert.equal(seen[0].sequence_number, 3);
    assert.equal(seen.at(-1).response.id, made.id);
    const items = [];
    for await (const item of responses.inputItems.list(made.id, { limit: 1 })) items.push(item.content[0].text);
    assert.deepEqual(items, ["hello"]);
    await responses.delete(made.id);
    await assert.rejects(responses.retrieve(made.id), NotFoundError);
  });

  test("a response in the background is polled or cancelled", async () => {
    const { responses } = first();
    const create = () => responses.create({ model: MODEL, input: "hello", background: true });
    const { id, status } = await create();
    const polled = [await responses.retrieve(id), await responses.retrieve(id)].map(({ status }) => status);
    assert.deepEqual([status, ...polled], ["queued", "in_progress", "completed"]);
    assert.equal((await responses.cancel((await create()).id)).status, "cancelled");
    const compacted = await responses.compact({ model: MODEL, input: "hello" });
    assert.equal(compacted.output.at(-1).type, "compaction");
  });
}, [{ match: { operation: "moderate", user: "nasty" }, response: { finish_reason: "content_filter", text: "" } }]);
