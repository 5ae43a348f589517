// What agents of openai, @anthropic-ai/sdk and @google/genai hear is recorded, and replayed without the provider, which a
// second instance of the server plays.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";

import { serving, written } from "./server.js";

import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import OpenAI from "openai";

const RESULT = "4 C";       // in every city: only the turn tells a first result from the next ones
const CITY = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const TOOL = { name: "get_weather", description: "The weather in a city." };
const call = city => ({ name: TOOL.name, arguments: { city } });
// What the model says at each turn, whatever it is asked.
const MODEL = [
  { match: { turn: 0 }, response: { text: "Let me see.", tool_calls: [call("Oslo")] } },
  { match: { turn: 1 }, response: { tool_calls: [call("Rome — «Roma»"), call("Nice")] } },
  { match: { turn: 2 }, response: { text: "It is \"4 C\" — wörldwide." } }];

/** A copy of what an SDK hands out, which goes on to change it. */
const kept = value => JSON.parse(JSON.stringify(value));

/** All events of a stream as they came. */
async function gathered(stream) {
  const events = [];
  for await (const event of stream) events.push(kept(event));
  return events;
}

// Each asks for the next turn: what is heard, what is said with it from then on, what is called; and what results look like.
const AGENTS = {
  openai: {
    connect: url => new OpenAI({ baseURL: `${url}/v1`, apiKey: "key", maxRetries: 0 }),
    user: content => ({ role: "user", content }),
    async ask(client, messages, streams) {
      const asked = { model: "gpt-4o", messages, tools: [{ type: "function", function: { ...TOOL, parameters: CITY } }] };
      const stream = streams && client.chat.completions.stream(asked);
      const heard = streams ? await gathered(stream) : kept(await client.chat.completions.create(asked));
      const { message } = (streams ? await stream.finalChatCompletion() : heard).choices[0];
      return { heard, said: [message], calls: message.tool_calls ?? [] };
    },
    results: calls => calls.map(({ id }) => ({ role: "tool", tool_call_id: id, content: RESULT })) },
  responses: {
    connect: url => new OpenAI({ baseURL: `${url}/v1`, apiKey: "key", maxRetries: 0 }),
    user: content => ({ role: "user", content }),
    async ask(client, input, streams) {
      const asked = { model: "gpt-4o", input, tools: [{ type: "function", strict: false, ...TOOL, parameters: CITY }] };
      const found = await client.responses.create({ ...asked, stream: streams });
      const heard = streams ? await gathered(found) : kept(found);
      const { output } = streams ? heard.at(-1).response : heard;
      return { heard, said: output, calls: output.filter(({ type }) => type === "function_call") };
    },
    results: calls => calls.map(({ call_id }) => ({ type: "function_call_output", call_id, output: RESULT })) },
  anthropic: {
    connect: url => new Anthropic({ baseURL: url, apiKey: "key", maxRetries: 0 }),
    user: content => ({ role: "user", content }),
    async ask(client, messages, streams) {
      const asked = { model: "claude-mock-1", max_tokens: 99, messages, tools: [{ ...TOOL, input_schema: CITY }] };
      const stream = streams && client.messages.stream(asked);
      const heard = streams ? await gathered(stream) : kept(await client.messages.create(asked));
      const { role, content } = streams ? await stream.finalMessage() : heard;
      return { heard, said: [{ role, content }], calls: content.filter(({ type }) => type === "tool_use") };
    },
    results: calls => [{
      role: "user", content: calls.map(({ id }) => ({ type: "tool_result", tool_use_id: id, content: RESULT })) }] },
  gemini: {
    connect: url => new GoogleGenAI({ apiKey: "key", httpOptions: { baseUrl: url } }),
    user: text => ({ role: "user", parts: [{ text }] }),
    async ask(client, contents, streams) {
      const config = { tools: [{ functionDeclarations: [{ ...TOOL, parametersJsonSchema: CITY }] }] };
      const asked = { model: "gemini-3-flash-preview", contents, config };
      const chunks = streams ? await gathered(await client.models.generateContentStream(asked)) :
        [kept(await client.models.generateContent(asked))];
      for (const chunk of chunks) delete chunk.sdkHttpResponse;     // its headers have the date
      const parts = chunks.flatMap(chunk => chunk.candidates[0].content?.parts ?? []);
      return { heard: chunks, said: [{ role: "model", parts }], calls: parts.flatMap(part => part.functionCall ?? []) };
    },
    results: calls => [{
      role: "user", parts: calls.map(({ id, name }) => ({ functionResponse: { id, name, response: { output: RESULT } } })) }] } };

/** What an agent hears until it calls nothing more. */
async function run({ connect, user, ask, results }, url, streams) {
  const client = connect(url), heard = [];
  let messages = [user("What is the weather like?")];
  for (;;) {
    const turn = await ask(client, messages, streams);
    heard.push(turn.heard);
    if (!turn.calls.length) return heard;
    assert.ok(heard.length < MODEL.length, "the agent goes round in circles");
    messages = [...messages, ...turn.said, ...results(turn.calls)];
  }
}

/** How often a provider was asked. */
async function asked({ url }) {
  const answer = await fetch(`${url}/__mock__/requests/count`, { method: "POST", body: '{"match": {}}' });
  return (await answer.json()).count;
}

describe("recording", () => {
  const folder = written([]);
  const upstream = serving(MODEL);
  const recorder = serving([], "--record-to", folder, ...["openai", "anthropic", "gemini"].flatMap(
    name => ["--record", () => `${name}=${upstream.url}`]));
  const replayer = serving(null, "--data", folder);
  const recordings = () => readdirSync(join(folder, "mocks"), { recursive: true }).filter(name =>
    /[\\/][^.][^\\/]*\.json$/.test(name));

  for (const [name, agent] of Object.entries(AGENTS)) for (const streams of [false, true]) {
    test(`${name}${streams ? ", streamed" : ""}: a replayed agent hears what it heard`, async () => {
      const before = await asked(upstream), expected = recordings().length + MODEL.length;
      const heard = await run(agent, recorder.url, streams);
      assert.equal(heard.length, MODEL.length);
      assert.equal(await asked(upstream), before + MODEL.length);
      // openai leaves at its [DONE], which may be sooner than the end of the answer.
      for (let tries = 0; recordings().length < expected && tries < 500; tries++) await wait(10);
      assert.deepEqual(await run(agent, recorder.url, streams), heard);
      assert.equal(await asked(upstream), before + MODEL.length);
      assert.deepEqual(await run(agent, replayer.url, streams), heard);
      assert.equal(recordings().length, expected);
    });
  }
});
