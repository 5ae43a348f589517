// ollama: chat and generate, whole and streamed, embeddings and the list of models.
import assert from "node:assert/strict";
import { test } from "node:test";

import { REFUSAL, SCHEMA, TEXT, TOOL, each, fails, suite } from "./behaviours.js";

import { Ollama } from "ollama";

const MODEL = "llama3.2";
/** An error: the SDK has a class for it, which it keeps to itself. */
const raises = (status, message = /\w/) => [Error, status, { name: "ResponseError", message }];
const ERRORS = {
  authentication: raises(401, /unauthorized/), permission: raises(403), not_found: raises(404, /model 'llama3.2' not found/),
  rate_limit: raises(429, /too many requests/), overloaded: raises(503, /server busy/), server_error: raises(500),
  timeout: raises(504), context_length: raises(400, /exceeds the context length/) };

const asking = ({ user, tools, schema, past }) => ({
  model: MODEL, messages: [{ role: "user", content: user }, ...(past ?? [])], think: true,
  ...(tools ? { tools: [{ type: "function", function: TOOL }] } : {}), ...(schema ? { format: SCHEMA } : {}) });

function answered({ message, done_reason: stop, ...counts }, { schema }) {
  const { content: text, thinking, tool_calls: calls } = message;
  return {
    text, reasoning: thinking ?? "", refusal: "", stop, raw: message, parsed: schema && JSON.parse(text),
    calls: (calls ?? []).map(({ id, function: { name, arguments: given } }) => ({ id, name, arguments: given })),
    usage: { input: counts.prompt_eval_count, output: counts.eval_count } };
}

/** The lines of a stream put together by hand. */
async function gathered(lines, seen, question) {
  const message = { role: "assistant", content: "", thinking: "", tool_calls: [] };
  let last;
  for await (last of lines) {
    message.content += last.message.content;
    message.thinking += last.message.thinking ?? "";
    message.tool_calls.push(...(last.message.tool_calls ?? []));
    seen.push(last.message.content);
  }
  return answered({ ...last, message }, question);
}

const WAYS = [{
  name: "Ollama",
  connect: url => new Ollama({ host: url }),
  modes: {
    whole: async (client, question) => answered(await client.chat(asking(question)), question),
    streamed: async (client, question, seen) =>
      gathered(await client.chat({ ...asking(question), stream: true }), seen, question) },
  follow: ({ raw, calls }, results) => [raw, ...calls.map(
    ({ name }, index) => ({ role: "tool", tool_name: name, content: results[index] }))],
  // It has no filter and no credentials, and nothing but the calls tells that tools are called.
  stops: { stop: "stop", length: "length", tool_calls: "stop", content_filter: "stop" },
  errors: ERRORS, refused: { text: REFUSAL, stop: "stop" }, broken: [Error, null, { message: /server busy/ }],
  lacks: ["usage.reasoning", "usage.cached", "retries", "denied"],
  embed: async (client, input) => (await client.embed({ model: "nomic-embed-text", input })).embeddings }];

suite("ollama", WAYS, server => {
  const [{ connect, modes }] = WAYS;
  const first = () => connect(server.url);

  test("a miss says why", () => each(WAYS, server, client =>
    fails(modes.whole(client, { user: "helo" }), raises(404, /no mock matches.*hello/), "whole")));

  test("a prompt is answered whole and streamed", async () => {
    const asked = { model: MODEL, prompt: "hello" };
    assert.equal((await first().generate(asked)).response, TEXT);
    let text = "";
    for await (const { response } of await first().generate({ ...asked, stream: true })) text += response;
    assert.equal(text, TEXT);
  });

  test("models are listed, and the server has a version", async () => {
    const { models } = await first().list();
    assert.ok(models.some(({ model }) => model === "llama3.2:latest"), JSON.stringify(models));
    assert.match((await first().version()).version, /^\d+\.\d+\.\d+$/);
  });
});
