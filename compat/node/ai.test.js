// ai, the Vercel AI SDK: generateText and streamText, with every provider package whose API the server speaks.
import assert from "node:assert/strict";
import { test } from "node:test";

import { DEGREES, REFUSAL, SCHEMA, TOOL, WEATHER, each, suite } from "./behaviours.js";

import { createAmazonBedrock } from "@ai-sdk/amazon-bedrock";
import { createBedrockAnthropic } from "@ai-sdk/amazon-bedrock/anthropic";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createAzure } from "@ai-sdk/azure";
import { createCohere } from "@ai-sdk/cohere";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { createVertex } from "@ai-sdk/google-vertex";
import { createVertexAnthropic } from "@ai-sdk/google-vertex/anthropic";
import { createMistral } from "@ai-sdk/mistral";
import { createOpenAI } from "@ai-sdk/openai";
import { APICallError, Output, embed, embedMany, generateObject, generateText, jsonSchema, stepCountIs, streamObject, streamText,
  tool } from "ai";

globalThis.AI_SDK_LOG_WARNINGS = false;

/** Sends no credential: the providers start no client without one. */
function anonymous(url, init) {
  const headers = new Headers(init.headers);
  for (const name of ["authorization", "api-key", "x-api-key", "x-goog-api-key"]) headers.delete(name);
  return fetch(url, { ...init, headers });
}

const weather = execute => ({
  [TOOL.name]: tool({ description: TOOL.description, inputSchema: jsonSchema(TOOL.parameters), execute }) });

function asking({ model, retries }, { user, tools, schema, past }) {
  return {
    model, maxRetries: retries, messages: [{ role: "user", content: user }, ...(past ?? [])],
    providerOptions: { anthropic: { toolStreaming: false } },       // which would only be asked for in streams
    ...(tools ? { tools: weather() } : {}), ...(schema ? { output: Output.object({ schema: jsonSchema(SCHEMA) }) } : {}) };
}

async function answered(result, { schema }) {
  const { id, messages } = await result.response, usage = await result.usage, parsed = schema && await result.output;
  return {
    id, parsed, raw: messages, text: schema ? JSON.stringify(parsed) : await result.text, refusal: "",
    reasoning: await result.reasoningText ?? "", stop: await result.finishReason,
    calls: (await result.toolCalls).map(({ toolCallId: id, toolName: name, input }) => ({ id, name, arguments: input })),
    usage: {
      input: usage.inputTokens, output: usage.outputTokens,
      reasoning: usage.outputTokenDetails.reasoningTokens, cached: usage.inputTokenDetails.cacheReadTokens } };
}

const MODES = {
  whole: async (client, question) => answered(await generateText(asking(client, question)), question),
  streamed: async (client, question, seen) => {
    const result = streamText({ ...asking(client, question), onError: () => {} });
    for await (const part of result.fullStream) {
      if (part.type === "error") throw part.error;
      if (part.type === "text-delta") seen.push(part.text);
    }
    return answered(result, question);
  } };

const follow = ({ raw, calls }, results) => [...raw, { role: "tool", content: calls.map(({ id, name }, index) =>
  ({ type: "tool-result", toolCallId: id, toolName: name, output: { type: "text", value: results[index] } })) }];
const embedded = async ({ embedding: model }, values) => values.length > 1
  ? (await embedMany({ model, values })).embeddings : [(await embed({ model, value: values[0] })).embedding];

const raises = (status, members) => [APICallError, status, members];
const again = status => raises(status, { isRetryable: true });
const ERRORS = {
  authentication: raises(401), permission: raises(403), not_found: raises(404), rate_limit: again(429), overloaded: again(503),
  server_error: again(500), timeout: again(504), context_length: raises(400, { isRetryable: false }) };
const AZURE = { ...ERRORS, content_filter: raises(400, { message: /content management policy/ }) };
const CLAUDE = { ...ERRORS, overloaded: again(529) };
const BEDROCK = { ...ERRORS, authentication: raises(403), not_found: raises(400), timeout: again(408) };
// A refusal is text, where there is one with the finish reason of what was filtered.
const refused = stop => ({ text: REFUSAL, stop });
const stops = filtered => ({ stop: "stop", length: "length", tool_calls: "tool-calls", content_filter: filtered });
const uncounted = ["usage.reasoning", "usage.cached"];
const amazon = { errors: BEDROCK, denied: raises(403, { message: /Missing Authentication Token/ }) };
const converse = { ...amazon, lacks: ["usage.reasoning"] };

/** A way; `provider` is made of an address and a fetch, `model` and `embedding` are what is asked of it. */
const way = (name, provider, model, embedding, others) => ({
  name, modes: MODES, follow, stops: stops("content-filter"), errors: ERRORS, refused: refused("content-filter"),
  embed: embedding && embedded, broken: [Object, null, { message: /overloaded|unavailable|unable/i }], ...others,
  connect: (url, { key, retries }) => {
    const made = provider(url, key ? fetch : anonymous);
    return { retries, model: model(made), embedding: embedding?.(made) };
  } });

const apiKey = "key", region = "eu-west-1", project = "p", location = "global";
const keys = { region, accessKeyId: "key", secretAccessKey: "secret" };
const google = { project, location, googleAuthOptions: { authClient: { getAccessToken: async () => ({ token: "key" }) } } };
const openai = (url, fetch) => createOpenAI({ baseURL: `${url}/v1`, apiKey, fetch });
const mistral = agent => (url, send) => createMistral({ baseURL: `${url}/v1`, apiKey, fetch: (path, init) =>
  send(path, { ...init, headers: { ...init.headers, ...agent } }) });
const as = name => provider => provider(name);
const vector = name => provider => provider.embeddingModel(name);
const SMALL = vector("text-embedding-3-small"), TEXT_005 = vector("text-embedding-005");
const GEMINI = as("gemini-3-flash-preview"), CLAUDE_4 = as("us.anthropic.claude-sonnet-4-5-20250929-v1:0");

// What is lacking depends on the version that a package brings along of the one that it builds on.
const WAYS = [
  way("OpenAI chat", openai, provider => provider.chat("gpt-4o-mini"), SMALL, { lacks: ["reasoning"] }),
  way("OpenAI responses", openai, provider => provider.responses("gpt-4o-mini"), undefined,
    { errors: { ...ERRORS, not_found: raises(400) } }),
  way("Azure deployment", (url, fetch) =>
    createAzure({ baseURL: `${url}/openai`, useDeploymentBasedUrls: true, apiVersion: "2024-10-21", apiKey, fetch }),
  provider => provider.chat("gpt-4o-mini"), SMALL, { errors: AZURE, lacks: ["reasoning", "refused"] }),
  way("Azure responses", (url, fetch) => createAzure({ baseURL: `${url}/openai/v1`, apiKey, fetch }),
    provider => provider.responses("gpt-4o-mini"), SMALL, { errors: AZURE, lacks: ["refused"] }),
  way("Anthropic", (url, fetch) => createAnthropic({ baseURL: `${url}/v1`, apiKey, fetch }), as("claude-sonnet-4-5"), undefined,
    { errors: CLAUDE }),
  way("Gemini", (url, fetch) => createGoogleGenerativeAI({ baseURL: `${url}/v1beta`, apiKey, fetch }),
    GEMINI, vector("gemini-embedding-001"), { errors: { ...ERRORS, authentication: raises(400) }, denied: raises(403) }),
  way("Vertex AI", (url, fetch) =>
    createVertex({ baseURL: `${url}/v1beta1/projects/${project}/locations/${location}/publishers/google`, ...google, fetch }),
  GEMINI, TEXT_005, { lacks: ["interruption"] }),
  way("Vertex AI, express mode", (url, fetch) => createVertex({ baseURL: `${url}/v1beta1/publishers/google`, apiKey, fetch }),
    GEMINI, TEXT_005, { lacks: ["interruption"] }),
  way("Claude on Vertex AI", (url, fetch) => createVertexAnthropic(
    { baseURL: `${url}/v1/projects/${project}/locations/${location}/publishers/anthropic/models`, ...google, fetch }),
  as("claude-sonnet-4-5@20250929"), undefined, { errors: CLAUDE }),
  way("Bedrock Converse", (url, fetch) => createAmazonBedrock({ baseURL: url, ...keys, fetch }), CLAUDE_4,
    vector("amazon.titan-embed-text-v2:0"), converse),
  way("Bedrock Converse, Nova with a key", (url, fetch) => createAmazonBedrock({ baseURL: url, region, apiKey, fetch }),
    as("eu.amazon.nova-pro-v1:0"), vector("cohere.embed-multilingual-v3"), converse),
  way("Claude on Bedrock", (url, fetch) => createBedrockAnthropic({ baseURL: url, ...keys, fetch }), CLAUDE_4, undefined, amazon),
  // Text beside tool calls is a plan, which the package does not read; nor does it read the id of a whole answer.
  way("Cohere", (url, fetch) => createCohere({ baseURL: `${url}/v2`, apiKey, fetch }),
    as("command-a-03-2025"), vector("embed-v4.0"),
    { called: { text: /^(Hello.*)?$/s }, refused: refused("error"), stops: stops("error"), lacks: ["id", ...uncounted] }),
  way("Mistral", mistral({ "user-agent": "mistral-client-typescript/2.0.0" }),
    as("mistral-small-latest"), vector("mistral-embed"), {
      errors: { ...ERRORS, not_found: raises(400) }, refused: refused("error"), stops: stops("error"), lacks: uncounted }),
  // It asks for no usage in a stream, because Mistral tells it unasked.
  way("Mistral, taken for OpenAI", mistral({}), as("mistral-small-latest"), vector("mistral-embed"),
    { stops: stops("other"), lacks: ["reasoning", "refused", "usage"] }),
];

suite("ai", WAYS, server => {
  const every = check => each(WAYS, server, (client, { name }) => check(client, name));

  test("the SDK's own loop runs the tools and reaches the answer", () => every(async ({ model }, name) => {
    const asked = [], tools = weather(({ city }) => (asked.push(city), DEGREES[city]));
    const question = { model, maxRetries: 0, prompt: "think", stopWhen: stepCountIs(3), tools };
    const whole = await generateText(question), streamed = streamText(question);
    assert.deepEqual([whole.text, await streamed.text], ["Rome is warmer.", "Rome is warmer."], name);
    assert.deepEqual([whole.steps.length, (await streamed.steps).length], [2, 2], name);
    assert.deepEqual(asked, [...Object.keys(DEGREES), ...Object.keys(DEGREES)], name);
  }));

  test("objects are generated whole and streamed", () => every(async ({ model }, name) => {
    const question = { model, maxRetries: 0, prompt: "json", schema: jsonSchema(SCHEMA) };
    const whole = await generateObject(question), streamed = streamObject(question), partial = [];
    for await (const value of streamed.partialObjectStream) partial.push(value);
    assert.deepEqual([whole.object, await streamed.object, partial.at(-1)], [WEATHER, WEATHER, WEATHER], name);
  }));

  test("a miss says why", () => every(async ({ model }, name) => {
    const error = await generateText({ model, prompt: "helo", maxRetries: 0 }).catch(error => error);
    assert.equal(error.statusCode, 404, name);
    assert.match(error.responseBody, /no mock matches.*hello/, name);
  }));
  // How some of them ask for JSON.
}, [{ match: { user: "json", tools: ["json"] }, response: { tool_calls: [{ name: "json", arguments: WEATHER }] } }]);
