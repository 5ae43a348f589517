// @aws-sdk/client-bedrock-runtime: Converse and InvokeModel, whole and as event streams.
import assert from "node:assert/strict";
import { test } from "node:test";

import { REFUSAL, SCHEMA, TOOL, each, fails, suite } from "./behaviours.js";
import * as claude from "./claude.js";

import { AccessDeniedException, BedrockRuntimeClient, BedrockRuntimeServiceException, ConverseCommand, ConverseStreamCommand,
  CountTokensCommand, InternalServerException, InvokeModelCommand, InvokeModelWithResponseStreamCommand, ModelTimeoutException,
  ResourceNotFoundException, ServiceUnavailableException, ThrottlingException,
  ValidationException } from "@aws-sdk/client-bedrock-runtime";
import { StandardRetryStrategy } from "@smithy/core/retry";
import { NodeHttpHandler } from "@smithy/node-http-handler";

const ERRORS = {
  authentication: [BedrockRuntimeServiceException, 403, { name: "UnrecognizedClientException" }],
  permission: [AccessDeniedException, 403], not_found: [ValidationException, 400, { message: /model identifier is invalid/ }],
  rate_limit: [ThrottlingException, 429], overloaded: [ServiceUnavailableException, 503],
  server_error: [InternalServerException, 500], timeout: [ModelTimeoutException, 408],
  context_length: [ValidationException, 400, { message: /Input is too long/ }] };

// The SDK's own way to retry, but without its long pauses.
const backoff = { setDelayBase: () => {}, computeNextBackoffDelay: () => 1 };

/** A client on HTTP/1.1: without TLS its own handler would begin with HTTP/2. */
const connect = credentials => (url, { key, retries }) => {
  const client = new BedrockRuntimeClient({
    endpoint: url, region: "eu-west-1", requestHandler: new NodeHttpHandler(), ...credentials,
    retryStrategy: new StandardRetryStrategy({ maxAttempts: retries + 1, backoff }) });
  if (!key) {
    client.middlewareStack.add(next => args => {
      for (const name of ["authorization", "Authorization"]) delete args.request.headers[name];
      return next(args);
    }, { step: "deserialize" });                        // which comes after the signature
  }
  return client;
};
const signed = connect({ credentials: { accessKeyId: "key", secretAccessKey: "secret" } });
const keyed = connect({ token: { token: "key" }, authSchemePreference: ["httpBearerAuth"] });

// --- Converse, which Amazon Nova also speaks inside InvokeModel ---

function asking({ user, tools, schema, past }) {
  const structure = { jsonSchema: { name: "weather", schema: JSON.stringify(SCHEMA) } };
  const toolSpec = { name: TOOL.name, description: TOOL.description, inputSchema: { json: TOOL.parameters } };
  return {
    messages: [{ role: "user", content: [{ text: user }] }, ...(past ?? [])],
    ...(tools ? { toolConfig: { tools: [{ toolSpec }] } } : {}),
    ...(schema ? { outputConfig: { textFormat: { type: "json_schema", structure } } } : {}) };
}

function answered({ id, output, stopReason, usage }, { schema }) {
  const of = name => output.message.content.filter(block => block[name] !== undefined).map(block => block[name]);
  // Nova's own answers have another name for it than Converse.
  const cached = usage.cacheReadInputTokens ?? usage.cacheReadInputTokenCount;
  const text = of("text").join(""), thoughts = of("reasoningContent").map(block => block.reasoningText);
  return {
    id, text, reasoning: thoughts.map(thought => thought.text).join(""), refusal: "", stop: stopReason, raw: output.message,
    parsed: schema && JSON.parse(text), signatures: thoughts.map(thought => thought.signature),
    calls: of("toolUse").map(({ toolUseId, name, input }) => ({ id: toolUseId, name, arguments: input })),
    usage: { input: usage.inputTokens + (cached ?? 0), output: usage.outputTokens, cached } };
}

/** The events of a stream put together by hand. */
async function gathered(id, events, seen, question) {
  const message = { content: [] }, whole = { id, output: { message } };
  for await (const { messageStart, contentBlockStart, contentBlockDelta, messageStop, metadata } of events) {
    if (messageStart) message.role = messageStart.role;
    if (contentBlockStart) {
      message.content[contentBlockStart.contentBlockIndex] = { toolUse: { ...contentBlockStart.start.toolUse, input: "" } };
    }
    if (contentBlockDelta) {
      const { contentBlockIndex: index, delta: { text, toolUse, reasoningContent } } = contentBlockDelta;
      const thought = reasoningContent && { reasoningContent: { reasoningText: { text: "", signature: "" } } };
      const block = message.content[index] ??= thought ?? { text: "" };
      if (text !== undefined) block.text += text;
      if (toolUse) block.toolUse.input += toolUse.input;
      for (const [name, piece] of Object.entries(reasoningContent ?? {})) block.reasoningContent.reasoningText[name] += piece;
      seen.push(text ?? "");
    }
    if (messageStop) whole.stopReason = messageStop.stopReason;
    if (metadata) whole.usage = metadata.usage;
  }
  for (const { toolUse } of message.content) if (toolUse) toolUse.input = JSON.parse(toolUse.input);
  return answered(whole, question);
}

const common = {
  lacks: ["usage.reasoning"],
  follow: ({ raw, calls }, results) => [raw, { role: "user", content: calls.map(({ id }, index) =>
    ({ toolResult: { toolUseId: id, content: [{ text: results[index] }] } })) }],
  stops: { stop: "end_turn", length: "max_tokens", tool_calls: "tool_use", content_filter: "content_filtered" },
  refused: { text: REFUSAL, stop: "content_filtered" } };

const converse = modelId => ({
  ...common,
  modes: {
    whole: async (client, question) => {
      const { $metadata, ...response } = await client.send(new ConverseCommand({ modelId, ...asking(question) }));
      return answered({ id: $metadata.requestId, ...response }, question);
    },
    streamed: async (client, question, seen) => {
      const { $metadata, stream } = await client.send(new ConverseStreamCommand({ modelId, ...asking(question) }));
      return gathered($metadata.requestId, stream, seen, question);
    } } });

// --- InvokeModel ---

const packed = (modelId, body) =>
  ({ modelId, contentType: "application/json", accept: "application/json", body: JSON.stringify(body) });
const unpacked = bytes => JSON.parse(new TextDecoder().decode(bytes));

async function* inside(events) {
  for await (const { chunk } of events) yield unpacked(chunk.bytes);
}

async function invoked(client, modelId, request) {
  const { $metadata, body } = await client.send(new InvokeModelCommand(packed(modelId, request)));
  return { id: $metadata.requestId, ...unpacked(body) };
}

const nova = modelId => ({
  ...common,
  modes: {
    whole: async (client, question) => answered(await invoked(client, modelId, asking(question)), question),
    streamed: async (client, question, seen) => {
      const command = new InvokeModelWithResponseStreamCommand(packed(modelId, asking(question)));
      const { $metadata, body } = await client.send(command);
      return gathered($metadata.requestId, inside(body), seen, question);
    } } });

const messages = modelId => {
  const request = question => {
    const { model, ...body } = claude.asking(modelId, question);
    return { anthropic_version: "bedrock-2023-05-31", ...body };
  };
  return {
    follow: claude.follow, stops: claude.stops, refused: claude.refused,
    modes: {
      whole: async (client, question) =>
        claude.parsed(claude.answered(await invoked(client, modelId, request(question))), question),
      streamed: async (client, question, seen) => {
        const { body } = await client.send(new InvokeModelWithResponseStreamCommand(packed(modelId, request(question))));
        return claude.parsed(await claude.gathered(inside(body), seen), question);
      } } };
};

/** Titan takes one text a request. */
const titan = (client, texts) => Promise.all(texts.map(async inputText =>
  (await invoked(client, "amazon.titan-embed-text-v2:0", { inputText })).embedding));
const cohere = async (client, texts) =>
  (await invoked(client, "cohere.embed-multilingual-v3", { texts, input_type: "search_query" })).embeddings;

const shared = {
  errors: ERRORS, denied: [BedrockRuntimeServiceException, 403, { name: "MissingAuthenticationTokenException" }],
  broken: [ServiceUnavailableException, undefined] };
const WAYS = [
  { name: "Converse", connect: signed, ...shared, ...converse("anthropic.claude-mock-1-20270101-v1:0") },
  { name: "Converse with a key", connect: keyed, ...shared,
    ...converse("arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.amazon.nova-pro-v1:0") },
  { name: "InvokeModel, Claude", connect: signed, ...shared, ...messages("anthropic.claude-mock-1-20270101-v1:0"), embed: titan },
  { name: "InvokeModel, Nova", connect: keyed, ...shared, ...nova("eu.amazon.nova-pro-v1:0"), embed: cohere },
];

suite("@aws-sdk/client-bedrock-runtime", WAYS, server => {
  const every = check => each(WAYS, server, check);
  const first = options => signed(server.url, { key: "key", retries: 0, ...options });
  const modelId = "anthropic.claude-mock-1-20270101-v1:0";

  test("thoughts are signed", () => every(async (client, { modes: { whole } }) => {
    const { signatures } = await whole(client, { user: "think", tools: true });
    assert.match(signatures[0], /^[A-Za-z0-9+/]{40,}=*$/);
  }));

  test("a miss says why", () => every((client, { name, modes: { whole } }) => fails(
    whole(client, { user: "helo" }), [ResourceNotFoundException, 404, { message: /no mock matches.*hello/ }], name)));

  test("a request has an id, and its retries are counted", async () => {
    const { $metadata } = await first({ retries: 2 }).send(new ConverseCommand({ modelId, ...asking({ user: "recover" }) }));
    assert.match($metadata.requestId, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    assert.equal($metadata.attempts, 3);
  });

  test("an answer tells how long it took", async () => {
    assert.ok((await first().send(new ConverseCommand({ modelId, ...asking({ user: "hello" }) }))).metrics.latencyMs > 0);
    const request = packed(modelId, claude.asking(modelId, { user: "hello" }));
    const { body } = await first().send(new InvokeModelWithResponseStreamCommand(request));
    const events = [];
    for await (const event of inside(body)) events.push(event);
    const metrics = events.at(-1)["amazon-bedrock-invocationMetrics"];
    assert.ok(metrics.inputTokenCount > 0 && metrics.outputTokenCount > 0 && metrics.invocationLatency > 0);
  });

  test("tokens are counted of both kinds of request", async () => {
    const body = new TextEncoder().encode(packed(modelId, claude.asking(modelId, { user: "count" })).body);
    for (const input of [{ converse: asking({ user: "count" }) }, { invokeModel: { body } }]) {
      assert.equal((await first().send(new CountTokensCommand({ modelId, input }))).inputTokens, 31);
    }
  });
}, [{ match: { operation: "count_tokens", user: "count" }, response: { text: "", usage: { input_tokens: 31 } } }]);
