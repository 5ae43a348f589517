// Real answers against the types of the SDKs: each is written down as a literal of the type that its SDK gives it, in a
// program that tsc checks.  A member that is missing, that no type knows, or that is of another kind is an error.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

import { MOCKS as ANSWERED, QUESTIONS, answers } from "./answers.js";
import { MOCKS } from "./behaviours.js";
import { serving } from "./server.js";

const is = type => object => object.type === type;
const has = name => object => name in object;
const lacks = (name, others) => object => !(name in object) && others(object);
const isNull = name => object => object[name] === null;
const RECORDED = "recorded so", OTHERS = "another provider's own", LEFT = "recorded without, of 2026";
const MESSAGES = "what the user said, which the SDK's documentation has there";
const COUNTS = {
  total_duration: 0, load_duration: 0, prompt_eval_count: 0, prompt_eval_duration: 0, eval_count: 0, eval_duration: 0 };
const UNTYPED = { billing: undefined, frequency_penalty: undefined, presence_penalty: undefined, store: undefined };
const EMPTY = { content: undefined, tool_plan: undefined, tool_calls: undefined, citations: undefined };

// Where answers differ from the types on purpose: of which answers, which objects in them, what the type would have there
// (undefined for a member that it does not know, or knows with a value only), and why they do not.
const DEVIATIONS = [
  [/OpenAI.Responses/, has("obfuscation"), { obfuscation: undefined }, RECORDED],
  [/OpenAI.Chat/, isNull("system_fingerprint"), { system_fingerprint: undefined }, RECORDED],
  [/OpenAI.Chat/, lacks("logprobs", has("message")), { logprobs: null }, "recorded of models that reason"],
  [/OpenAI.Completion/, isNull("finish_reason"), { finish_reason: "stop" }, RECORDED],
  [/OpenAI.Completion/, isNull("usage"), { usage: undefined }, RECORDED],
  [/OpenAI.Responses/, isNull("usage"), { usage: undefined }, RECORDED],
  [/OpenAI.Responses/, isNull("user"), { user: undefined }, RECORDED],
  [/OpenAI.Responses/, has("billing"), UNTYPED, RECORDED],
  [/OpenAI.Responses/, has("billing"), { access_programs: null }, LEFT],
  [/OpenAI.Responses/, has("billing"), { output_text: "" }, "put together by the SDK"],
  [/OpenAI.Responses/, is("custom_tool_call"), { status: undefined }, "as ResponseCustomToolCallItem has it"],
  [/OpenAI.Responses/, is("error"), { code: "", message: "", param: null, error: undefined }, "nested: else SDKs do not raise"],
  [/OpenAI.Responses/, is("response.function_call_arguments.done"), { name: undefined }, "which mistralai requires"],
  [/OpenAI.Responses.Compact/, object => object.role === "user", { role: "assistant" }, MESSAGES],
  [/OpenAI.Responses.Compact/, is("input_text"), { type: "output_text", annotations: [] }, MESSAGES],
  [/OpenAI.Audio.*Verbose/, has("task"), { task: undefined }, "in the API's reference"],
  [/OpenAI.ChatCompletion$/, lacks("refusal", has("role")), { refusal: null }, OTHERS],
  [/OpenAI.ChatCompletionChunk/, lacks("finish_reason", has("delta")), { finish_reason: null }, OTHERS],
  [/OpenAI.ChatCompletionChunk/, lacks("index", has("function")), { index: 0 }, OTHERS],
  [/OpenAI.ChatCompletionChunk/, has("extra_content"), { extra_content: undefined }, OTHERS],
  [/OpenAI/, has("reasoning_content"), { reasoning_content: undefined }, OTHERS],
  [/OpenAI.Chat/, has("content_filter_results"), { content_filter_results: undefined }, OTHERS],
  [/OpenAI.Chat/, has("prompt_filter_results"), { prompt_filter_results: undefined }, OTHERS],
  [/OpenAI.Chat/, object => object.object === "", { object: "chat.completion.chunk" }, OTHERS],
  [/OpenAI.Chat/, has("extra_properties"), { extra_properties: undefined }, OTHERS],
  [/OpenAI.Responses/, has("content_filters"), { content_filters: undefined }, OTHERS],
  [/OpenAI.Model/, lacks("created", has("owned_by")), { created: 0 }, OTHERS],

  [/Anthropic/, is("message"), { container: null, diagnostics: null }, LEFT],
  [/Anthropic/, is("text"), { citations: null }, LEFT],
  [/Anthropic/, has("cache_read_input_tokens"), { server_tool_use: null }, LEFT],
  [/Anthropic/, has("inference_geo"), { speed: null }, LEFT],
  [/Anthropic/, lacks("output_tokens_details", has("output_tokens")), { output_tokens_details: null }, LEFT],
  [/Anthropic/, lacks("type", has("stop_reason")), { container: null }, LEFT],
  [/Beta/, has("cache_read_input_tokens"), { fallback_credit: null, iterations: null }, LEFT],
  [/BetaMessage/, is("message"), { context_management: null }, LEFT],
  [/BetaRaw/, object => /^message(_delta)?$/.test(object.type), { context_management: null }, LEFT],
  [/Beta/, is("thinking_delta"), { estimated_tokens: null }, "there with the beta thinking-token-count only"],

  [/Google.Count/, has("promptTokensDetails"), { promptTokensDetails: undefined }, RECORDED],
  [/Cohere/, object => object.tool_plan === "", EMPTY, RECORDED],
  [/Mistral/, has("p"), { p: undefined }, RECORDED],
  [/Bedrock/, has("p"), { p: undefined }, RECORDED],
  [/Ollama/, has("function"), { id: undefined }, RECORDED],
  [/Ollama/, has("arguments"), { index: undefined }, RECORDED],
  [/Ollama/, object => object.done === false, { done_reason: "", ...COUNTS }, "recorded of the last line only"],
  [/Ollama.Generate/, lacks("context", has("response")), { context: [] }, "recorded of the last line only"],
  [/Ollama.List/, lacks("modified_at", has("digest")), { modified_at: "" }, "told of models that are not loaded"],
  [/Ollama.Show/, has("model_info"), { system: "", messages: [] }, "left out where there are none, as in the server's source"],
  [/Ollama.List/, has("context_length"), { context_length: undefined }, "read in the server's source"],
  [/Ollama.List/, lacks("size_vram", has("digest")), { expires_at: "", size_vram: 0 }, "told of models that are loaded"],
];

const HEAD = `
import type Anthropic from "@anthropic-ai/sdk";
import type * as Bedrock from "@aws-sdk/client-bedrock-runtime";
import type * as Google from "@google/genai";
import type * as Mistral from "@mistralai/mistralai/models/components";
import type { Cohere } from "cohere-ai";
import type * as Ollama from "ollama";
import type OpenAI from "openai";

/** What is in JSON: an enum or a date is its text. */
type Wire<T> = 0 extends 1 & T ? any : unknown extends T ? unknown : T extends Date ? string
  : T extends Map<string, infer V> ? Record<string, Wire<V>> : T extends string ? \`\${T}\`
  : T extends (infer E)[] ? Wire<E>[] : T extends object ? { [K in keyof T]: Wire<T[K]> } : T;
/** finish_reason for finishReason: names as they are before an SDK gives them its own. */
type Snake<S extends string> = string extends S ? S : S extends \`\${infer First}\${infer Rest}\`
  ? \`\${First extends Lowercase<First> ? First : \`_\${Lowercase<First>}\`}\${Snake<Rest>}\` : "";
type Snaked<T> = unknown extends T ? T : T extends Date ? T : T extends (infer E)[] ? Snaked<E>[]
  : T extends object ? { [K in keyof T as K extends string ? Snake<K> : K]: Snaked<T[K]> } : T;
/** Without what the SDK reckons, and with what it renames. */
type GoogleAnswer = Omit<Google.GenerateContentResponse,
  "text" | "data" | "functionCalls" | "executableCode" | "codeExecutionResult" | "initialPromptTokenCount">;
type GoogleModel = Omit<Google.Model, "supportedActions"> & { supportedGenerationMethods?: string[] };
/** What the SDK does not read. */
type Deleted = { id: string; object: "response"; deleted: true };
type Page<T> = { object: "list"; data: T[] };
type ClaudePage<T> = { data: T[]; has_more: boolean; first_id: string | null; last_id: string | null };
`;

const MODULES = fileURLToPath(new URL("node_modules", import.meta.url));
const OPTIONS = ["--noEmit", "--strict", "--skipLibCheck", "--target", "es2023", "--lib", "es2023,dom,dom.iterable",
  "--module", "nodenext", "--types", "", "--pretty", "false"];

/** The complaints of tsc about a program, each with its line. */
function complaints(program) {
  const folder = mkdtempSync(join(tmpdir(), "mock-server-types-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  symlinkSync(MODULES, join(folder, "node_modules"), "junction");
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  writeFileSync(join(folder, "answers.ts"), program);
  const tsc = [join(MODULES, "typescript", "bin", "tsc"), ...OPTIONS, "answers.ts"];
  return new Promise(resolve => execFile(process.execPath, tsc, { cwd: folder, maxBuffer: 2 ** 30 }, (error, said, broken) => {
    assert.equal(broken, "");
    const found = said.split(/^(?=\S)/m).map(text => /^answers\.ts\((\d+),\d+\): error \w+: (.*)/s.exec(text) ?? [text, 0, text]);
    resolve(found.filter(([text]) => text.trim()).map(([, line, text]) => ({ line: Number(line), text })));
  }));
}

/** A copy of which every object is what `change` makes of it. */
function changed(value, change) {
  if (Array.isArray(value)) return value.map(inner => changed(inner, change));
  if (value === null || typeof value !== "object") return value;
  return change(Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, changed(inner, change)])));
}

/** An answer as its type has it, but for one member of one deviation; `met` learns which ones there are. */
const fitted = (type, value, met, [but, kept] = []) => changed(value, object => {
  const result = { ...object };
  for (const deviation of DEVIATIONS.filter(([types, where]) => types.test(type) && where(object))) {
    for (const [name, member] of Object.entries(deviation[2])) {
      if (deviation === but && name === kept) continue;
      result[name] = member;
      met(deviation, name);
    }
  }
  return result;
});

const server = serving([...ANSWERED, ...MOCKS]);

test("answers are what the types of the SDKs say", async () => {
  const lines = HEAD.split("\n"), written = new Map(), first = new Map();
  const write = (type, value, about) => {
    lines.push(`export const answer${lines.length}: Wire<${type}> = ${JSON.stringify(value)};`);
    written.set(lines.length, about);
  };
  const all = await Promise.all(QUESTIONS.map(async question => [question, await answers(server.url, question)]));
  for (const [{ type, path }, values] of all) {
    for (const value of values.filter(({ type }) => type !== "ping")) {           // the SDK keeps it to itself
      const met = (deviation, name) => first.get(deviation)?.[name] ??
        first.set(deviation, { ...first.get(deviation), [name]: [type, value] });
      write(type, fitted(type, value, met), `${type} of ${path} is not ${JSON.stringify(value)}`);
    }
  }
  // Where a type has changed its mind, nothing deviates any more.
  for (const deviation of DEVIATIONS) {
    const [types, , members, why] = deviation;
    for (const name of Object.keys(members)) {
      const about = `the deviation of ${types} in ${name} (${why}) is none`, [type, value] = first.get(deviation)?.[name] ?? [];
      assert.ok(type, about);
      lines.push("// @ts-expect-error");
      written.set(lines.length, about);
      write(type, fitted(type, value, () => {}, [deviation, name]), about);
    }
  }
  const found = await complaints(lines.join("\n"));
  assert.ok(found.length === 0, found.map(({ line, text }) => `${written.get(line)}: ${text}`).join("\n"));
});
