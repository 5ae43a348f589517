// @anthropic-ai/sdk and its clients for Vertex AI and Bedrock: messages, whole, streamed and by the stream helper.
import assert from "node:assert/strict";
import { test } from "node:test";

import { DEGREES, TOOL, each, fails, suite } from "./behaviours.js";
import { answered, asking, follow, gathered, parsed, refused, stops } from "./claude.js";

import { AnthropicBedrock } from "@anthropic-ai/bedrock-sdk";
import Anthropic, { APIError, AuthenticationError, BadRequestError, InternalServerError, NotFoundError, PermissionDeniedError,
  RateLimitError } from "@anthropic-ai/sdk";
import { betaZodTool } from "@anthropic-ai/sdk/helpers/beta/zod";
import { AnthropicVertex } from "@anthropic-ai/vertex-sdk";
import { z } from "zod";

const ERRORS = {
  authentication: [AuthenticationError, 401, { type: "authentication_error" }],
  permission: [PermissionDeniedError, 403, { type: "permission_error" }],
  not_found: [NotFoundError, 404, { type: "not_found_error", message: /claude-mock-1/ }],
  rate_limit: [RateLimitError, 429, { type: "rate_limit_error" }],
  overloaded: [InternalServerError, 529, { type: "overloaded_error" }],
  server_error: [InternalServerError, 500, { type: "api_error" }], timeout: [InternalServerError, 504, { type: "timeout_error" }],
  context_length: [BadRequestError, 400, { type: "invalid_request_error", message: /prompt is too long/ }] };
// Google's front answers in Google's words, of which this SDK knows only the status.
const VERTEX = {
  ...ERRORS, authentication: [AuthenticationError, 401, { message: /UNAUTHENTICATED/ }],
  permission: [PermissionDeniedError, 403, { message: /PERMISSION_DENIED/ }],
  not_found: [NotFoundError, 404, { message: /NOT_FOUND/ }],
  rate_limit: [RateLimitError, 429, { message: /RESOURCE_EXHAUSTED/ }] };
const BEDROCK = {
  authentication: [PermissionDeniedError, 403, { message: /security token/ }], permission: [PermissionDeniedError, 403],
  not_found: [BadRequestError, 400, { message: /model identifier is invalid/ }], rate_limit: [RateLimitError, 429],
  overloaded: [InternalServerError, 503], server_error: [InternalServerError, 500], timeout: [APIError, 408],
  context_length: [BadRequestError, 400, { message: /Input is too long/ }] };

// Models that the SDK does not know: of those it knows it warns one day that they are old.
const messages = model => ({
  model, follow, refused, stops,
  modes: {
    whole: async (client, question) =>
      answered(await client.messages[question.schema ? "parse" : "create"](asking(model, question))),
    streamed: async (client, question, seen) =>
      parsed(await gathered(await client.messages.create({ ...asking(model, question), stream: true }), seen), question),
    helped: async (client, question) => answered(await client.messages.stream(asking(model, question)).finalMessage()) } });

/** Credentials of Google, or none. */
const google = key => ({ getRequestHeaders: async () => new Headers(key ? { authorization: `Bearer ${key}` } : {}) });
const amazon = {
  errors: BEDROCK, ids: /^msg_bdrk_01\w{22}$/, denied: [PermissionDeniedError, 403, { message: /Missing Authentication Token/ }],
  broken: [APIError, undefined, { type: "serviceUnavailableException" }] };
const broken = [APIError, undefined, { type: "overloaded_error" }];
const WAYS = [
  { name: "Anthropic", ...messages("claude-mock-1"), errors: ERRORS, broken, ids: /^msg_01\w{22}$/,
    denied: [AuthenticationError, 401, { message: /x-api-key header is required/ }],
    connect: (url, { key, retries }) => new Anthropic({ baseURL: url, apiKey: key || null, maxRetries: retries,
      ...(key ? {} : { defaultHeaders: { authorization: null, "x-api-key": null } }) }) },
  { name: "AnthropicVertex", ...messages("claude-mock-1@20270101"), errors: VERTEX, broken, ids: /^msg_vrtx_01\w{22}$/,
    connect: (url, { key, retries }) => new AnthropicVertex({ baseURL: `${url}/v1`, region: "europe-west1", projectId: "p",
      maxRetries: retries, authClient: google(key) }) },
  { name: "AnthropicBedrock, signed", ...messages("anthropic.claude-mock-1-20270101-v1:0"), ...amazon,
    connect: (url, { key, retries }) => new AnthropicBedrock({ baseURL: url, awsRegion: "eu-west-1", maxRetries: retries,
      skipAuth: !key, awsAccessKey: key, awsSecretKey: "secret" }) },
  { name: "AnthropicBedrock with a key", ...amazon,
    ...messages("arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-mock-1-20270101-v1:0"),
    connect: (url, { key, retries }) => new AnthropicBedrock({ baseURL: url, awsRegion: "eu-west-1", maxRetries: retries,
      skipAuth: !key, apiKey: key }) },
];

suite("@anthropic-ai", WAYS, server => {
  const every = (check, ways = WAYS) => each(ways, server, check);
  const [direct, vertex] = WAYS;

  test("the SDK's own loop runs the tools and reaches the answer", () => every(async (client, { model }) => {
    const asked = [];
    const tool = betaZodTool({ name: TOOL.name, description: TOOL.description, inputSchema: z.object({ city: z.string() }),
      run: ({ city }) => (asked.push(city), DEGREES[city]) });
    const last = await client.beta.messages.toolRunner({ ...asking(model, { user: "think" }), tools: [tool] });
    assert.deepEqual(last.content.map(block => block.text), ["Rome is warmer."]);
    assert.deepEqual(asked, Object.keys(DEGREES));
  }));

  test("ids are the provider's own, and thoughts are signed", () => every(async (client, { ids, modes: { whole } }) => {
    const { id, signatures } = await whole(client, { user: "think", tools: true });
    assert.match(id, ids);
    assert.match(signatures[0], /^[A-Za-z0-9+/]{40,}=*$/);
  }));

  test("a miss says why", () => every((client, { name, modes: { whole } }) => fails(
    whole(client, { user: "helo" }), [NotFoundError, 404, { message: /no mock matches.*hello/ }], name)));

  test("a rate limit says how long to wait", () => every(async (client, { modes: { whole } }) => {
    const { headers, requestID } = await whole(client, { user: "fail rate_limit" }).catch(error => error);
    assert.ok(Number(headers.get("retry-after")) > 0);
    assert.equal(headers.get("anthropic-ratelimit-requests-remaining"), "0");
    assert.match(requestID, /^req_011\w{21}$/);
  }, [direct]));

  test("tokens are counted", () => every(async (client, { model }) => {
    const { input_tokens } = await client.messages.countTokens({ model, messages: [{ role: "user", content: "count" }] });
    assert.equal(input_tokens, 31);
  }, [direct, vertex]));

  test("models are listed and any can be retrieved", () => every(async client => {
    const names = [];
    for await (const { id } of client.models.list()) names.push(id);
    assert.ok(names.length && names.every(name => name.startsWith("claude-")), names.join());
    assert.equal((await client.models.retrieve("claude-mine")).id, "claude-mine");
  }, [direct]));
}, [{ match: { operation: "count_tokens", user: "count" }, response: { text: "", usage: { input_tokens: 31 } } }]);
