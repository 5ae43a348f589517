// openai: speech, transcriptions and translations, of OpenAI and at Azure.
import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { serving } from "./server.js";

import OpenAI, { AzureOpenAI, BadRequestError, toFile } from "openai";

const TEXT = "Hello there. How are you?";
const MOCKS = [
  { match: { api: "speech" }, response: { text: "x".repeat(40) } },
  { match: { operation: "audio" }, response: { text: TEXT, usage: { input_tokens: 9, output_tokens: 7 } } }];
const WAYS = {
  openai: url => new OpenAI({ baseURL: `${url}/v1`, apiKey: "key", maxRetries: 0 }),
  "azure deployment": url => new AzureOpenAI({ endpoint: url, apiKey: "key", apiVersion: "2025-04-01-preview", maxRetries: 0 }),
  "azure v1": url => new OpenAI({ baseURL: `${url}/openai/v1`, apiKey: "key", maxRetries: 0 }) };

for (const [name, connect] of Object.entries(WAYS)) {
  suite(`audio: ${name}`, () => {
    const server = serving(MOCKS);
    const file = (name = "a.wav") => toFile(Buffer.from("RIFF"), name);
    const heard = async options => connect(server.url).audio.transcriptions.create(
      { model: "gpt-4o-transcribe", file: await file(), ...options });
    const spoken = options => connect(server.url).audio.speech.create(
      { model: "gpt-4o-mini-tts", voice: "alloy", input: "Hi", ...options });

    test("speech is a file of its format", async () => {
      const answer = await spoken({ response_format: "wav" });
      const data = Buffer.from(await answer.arrayBuffer());
      assert.equal(answer.headers.get("content-type"), "audio/wav");
      assert.deepEqual([data.toString("latin1", 0, 4), data.readUInt32LE(40)], ["RIFF", 50 * 1152]);
    });

    test("a transcription comes in every format", async () => {
      const plain = await heard();
      assert.deepEqual([plain.text, plain.usage.total_tokens], [TEXT, 16]);
      assert.equal(await heard({ response_format: "text" }), `${TEXT}\n`);
      assert.match(await heard({ response_format: "srt" }), /^1\n00:00:00,000 --> 00:00:00,800\nHello there\.\n\n2\n/);
      const verbose = await heard({ response_format: "verbose_json", timestamp_granularities: ["word", "segment"] });
      assert.deepEqual(verbose.words.map(({ word }) => word), TEXT.split(" "));
      assert.deepEqual(verbose.segments.map(({ text }) => text), [" Hello there.", " How are you?"]);
    });

    test("a transcription streams", async () => {
      const events = [];
      for await (const event of await heard({ stream: true, include: ["logprobs"] })) events.push(event);
      assert.equal(events.slice(0, -1).map(({ delta }) => delta).join(""), TEXT);
      assert.deepEqual([events.at(-1).type, events.at(-1).text], ["transcript.text.done", TEXT]);
    });

    test("a translation is English text", async () => {
      const { text } = await connect(server.url).audio.translations.create({ model: "whisper-1", file: await file() });
      assert.equal(text, TEXT);
    });

    test("what is wrong is a bad request", async () => {
      await assert.rejects(spoken({ input: "x".repeat(4097) }), BadRequestError);
      await assert.rejects(heard({ file: await file("a.txt") }), /Unrecognized file format/);
    });
  });
}
