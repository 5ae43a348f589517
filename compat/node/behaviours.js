// What every SDK must show, whichever provider it speaks to.  A *way* is one client of one API:
//
//   name      what its tests are called
//   connect   (url, { retries, key }) → a client; without a key one that sends no credential
//   modes     by name, (client, question, seen) → answer: `whole`, `streamed`, or `helped` by what the SDK has to
//             read streams.  A question is { user, tools, schema, past }; what is streamed is pushed to `seen` in pieces
//   follow    (answer, results) → the `past` of the next question: what was asked, the tool calls, their results
//   stops     the provider's finish reasons, by the mock's
//   errors    by kind, [class, status, members]; without an entry the answer is 200
//
// and optionally embed, (client, texts) → vectors, and what differs: called and refused (of answers with tool calls, with a
// refusal), spent (of the usage that the mock says), denied (the error without a credential), broken (the error in mid-stream), lacks (what the SDK does not read:
// members of answers, of usage such as usage.cached, refused, interruption; retries and denied where it has none).
// An answer is { id, text, reasoning, refusal, calls: [{ id, name, arguments }], stop, usage, parsed, raw }.
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { serving } from "./server.js";

export const TEXT = "Hello — wörld, says the mock.\nTwo lines, \"quoted\".";
const THOUGHT = "Let me see: two cities.";
export const REFUSAL = "I can't help with that.";
export const WEATHER = { city: "Oslo", degrees: 12 };
export const SCHEMA = {
  type: "object", properties: { city: { type: "string" }, degrees: { type: "integer" } },
  required: ["city", "degrees"], additionalProperties: false };
export const TOOL = {
  name: "get_weather", description: "The weather in a city.",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false } };
export const KINDS = ["authentication", "permission", "not_found", "rate_limit", "overloaded", "server_error", "timeout",
  "context_length", "content_filter"];
export const DEGREES = { Oslo: "12 degrees", "Rome — «Roma»": "21 degrees" };

const CALLS = Object.keys(DEGREES).map(city => ({ name: "get_weather", arguments: { city } }));
const VECTORS = { one: [0.25, -0.5, 1], two: [1, 0, -0.125] };     // exact in 32 bits
const USAGE = { input_tokens: 12, output_tokens: 9, reasoning_tokens: 4, cached_tokens: 8 };
const STOPS = ["stop", "length", "content_filter"];
const POEM = "Compose a poem that explains the concept of recursion in programming.";
const LONG = Array.from({ length: 30 }, (_, number) => `word${number}`).join(" ");
const STREAMS = ["streamed", "helped"];
const SOON = { "retry-after-ms": "1", "retry-after": "0.001" };

export const MOCKS = [
  { match: { user: "think", tool_result: { contains: "21 degrees" } }, response: { text: "Rome is warmer." } },
  { match: { user: "hello" }, response: { text: TEXT } },
  { match: { user: "think" }, response: { reasoning: THOUGHT, text: TEXT, tool_calls: CALLS } },
  { match: { user: "spend" }, response: { reasoning: THOUGHT, text: TEXT, usage: USAGE } },
  { match: { user: "refuse" }, response: { refusal: REFUSAL } },
  { match: { user: "json" }, response: { text: WEATHER } },
  { match: { user: "break" }, response: { text: LONG, error: { kind: "overloaded" }, after_events: 12 } },
  { match: { user: "recover" }, cycle: true, responses: [
    { error: { kind: "server_error" }, headers: SOON }, { error: { kind: "rate_limit" }, headers: SOON }, { text: TEXT }] },
  ...STOPS.map(stop => ({ match: { user: `end ${stop}` }, response: { text: TEXT, finish_reason: stop } })),
  ...KINDS.map(kind => ({ match: { user: `fail ${kind}` }, response: { error: { kind } } })),
  ...Object.entries(VECTORS).map(([user, embedding]) => ({ match: { user, operation: "embed" }, response: { embedding } })),
  { match: { user: "one\ntwo", operation: "embed" }, response: { embedding: Object.values(VECTORS) } },
];

/** Holds when each of these members is equal, or fits a regular expression. */
function holds(found, expected, about) {
  for (const [name, value] of Object.entries(expected)) {
    if (value instanceof RegExp) assert.match(String(found[name]), value, `${name}, ${about}`);
    else assert.deepEqual(found[name], value, `${name}, ${about}`);
  }
}

/** Expects a promise to be rejected with an error of this class, status (null is any) and these members. */
export async function fails(promise, [kind, status, members], about) {
  const error = await promise.then(
    value => assert.fail(`${about}: expected ${kind.name}, got ${JSON.stringify(value)}`), error => error);
  assert.ok(kind.isInstance?.(error) ?? error instanceof kind, `${about}: expected ${kind.name}, got ${error.stack}`);
  const found = error.status ?? error.statusCode ?? error.status_code ?? error.$metadata?.httpStatusCode;
  if (status !== null) assert.equal(found, status, about);
  holds(error, { message: /\w{4}/, ...members }, about);
}

/** Checks something of a client of every way, at once. */
export const each = (ways, server, check) =>
  Promise.all(ways.map(way => check(way.connect(server.url, { key: "key", retries: 0 }), way)));

/** All tests of one way. */
function behaves(way, server, guarded) {
  const lacks = new Set(way.lacks);
  const client = options => way.connect(server.url, { key: "key", retries: 0, ...options });
  const every = async (question, check, options) => {
    const answers = {};
    for (const [mode, ask] of Object.entries(way.modes)) {
      answers[mode] = await ask(client(options), question, []);
      for (const [member, inner] of [...lacks].map(name => name.split("."))) {
        if (inner) delete answers[mode][member]?.[inner];
        else delete answers[mode][member];
      }
      check(answers[mode], mode);
    }
    const [{ raw, ...first }, ...others] = Object.values(answers);
    for (const { raw, ...other } of others) assert.deepEqual(other, first, "whole and streamed are equal");
  };

  test("text is the same whole and streamed, with a finish reason and usage", () => every({ user: "hello" }, (answer, mode) => {
    holds(answer, { text: TEXT, refusal: "", calls: [], stop: way.stops.stop }, mode);
    assert.equal(answer.reasoning || "", "", mode);
    assert.ok(lacks.has("usage") || (answer.usage.input > 0 && answer.usage.output > 0), mode);
  }));

  test("a stream comes in pieces", async () => {
    const seen = [];
    await way.modes.streamed(client(), { user: "hello" }, seen);
    assert.equal(seen.join(""), TEXT);
    assert.ok(seen.filter(Boolean).length > 4, `${seen.length} pieces`);
  });

  test("many requests at once all get their answers", async () => {
    const one = client(), asked = Array.from({ length: 10 }, () => Object.values(way.modes)).flat();
    const answers = await Promise.all(asked.map(ask => ask(one, { user: "hello" }, [])));
    assert.deepEqual(new Set(answers.map(answer => answer.text)), new Set([TEXT]));
  });

  const think = { user: "think", tools: true };
  test("reasoning, text and two tool calls are the same whole and streamed", () => every(think, (answer, mode) => {
    holds(answer, { text: TEXT, stop: way.stops.tool_calls, ...way.called }, mode);
    assert.equal(answer.reasoning, lacks.has("reasoning") ? undefined : THOUGHT, mode);
    assert.deepEqual(answer.calls.map(({ id, ...call }) => call), CALLS, mode);
    assert.equal(new Set(answer.calls.map(call => call.id)).size, 2, "each call has its id");
  }));

  test("tool results lead to the next answer", async () => {
    for (const [mode, ask] of Object.entries(way.modes)) {
      const answer = await ask(client(), think, []);
      const next = await ask(client(), { ...think, past: way.follow(answer, Object.values(DEGREES)) }, []);
      holds(next, { text: "Rome is warmer.", calls: [], stop: way.stops.stop }, mode);
    }
  });

  if (!lacks.has("usage")) {
    const expected = { input: 12, output: 9, reasoning: 4, cached: 8, ...way.spent };
    for (const name of Object.keys(expected)) if (lacks.has(`usage.${name}`)) delete expected[name];
    test("usage is what the mock says", () => every({ user: "spend" }, ({ usage }, mode) =>
      assert.deepEqual(usage, expected, mode)));
  }

  test("finish reasons are the provider's own", async () => {
    for (const stop of STOPS) {
      await every({ user: `end ${stop}` }, (answer, mode) => holds(answer, { stop: way.stops[stop] }, mode));
    }
  });

  if (!lacks.has("refused")) {
    test("a refusal is told apart from an answer", () => every({ user: "refuse" }, (answer, mode) =>
      holds(answer, way.refused ?? { text: "", refusal: REFUSAL, stop: way.stops.stop }, mode)));
  }

  test("a structured answer fits the schema that was asked for", () => every({ user: "json", schema: true }, (answer, mode) =>
    holds(answer, { parsed: WEATHER, stop: way.stops.stop }, mode)));

  for (const kind of KINDS) {
    const expected = way.errors[kind];
    const outcome = expected ? `raises ${expected[0].name} with ${expected[1]}` : "is an empty answer with its finish reason";
    test(`${kind} ${outcome}`, async () => {
      for (const [mode, ask] of Object.entries(way.modes)) {
        const answer = ask(client(), { user: `fail ${kind}` }, []);
        if (expected) await fails(answer, expected, mode);
        else holds(await answer, { text: "", calls: [], stop: way.stops.content_filter }, mode);
      }
    });
  }

  if (!lacks.has("interruption")) {
    test("an error in mid-stream raises, after the pieces before it", async () => {
      for (const [mode, ask] of Object.entries(way.modes)) {
        const seen = [];
        await fails(ask(client(), { user: "break" }, seen), STREAMS.includes(mode) ? way.broken : way.errors.overloaded, mode);
        const said = seen.join("");
        if (mode === "streamed") assert.ok(said && LONG.startsWith(said) && said !== LONG, said);
      }
    });
  }

  if (!lacks.has("retries")) {
    test("the SDK's own retries reach the third answer", () => every({ user: "recover" }, (answer, mode) =>
      holds(answer, { text: TEXT }, mode), { retries: 2 }));
  }

  if (!lacks.has("denied")) {
    test("a server that wants a credential refuses a client without one", async () => {
      for (const [mode, ask] of Object.entries(way.modes)) {
        const greet = key => ask(way.connect(guarded.url, { key, retries: 0 }), { user: "hello" }, []);
        holds(await greet("key"), { text: TEXT }, mode);
        await fails(greet(""), way.denied ?? way.errors.authentication, mode);
      }
    });
  }

  if (way.embed) {
    test("each text gets its embedding", async () => {
      assert.deepEqual(await way.embed(client(), ["one"]), [VECTORS.one]);
      assert.deepEqual(await way.embed(client(), ["one", "two"]), Object.values(VECTORS));
    });
  }
}

/** A test that the recordings which come with the server say the same whole and streamed. */
export function replays(ways) {
  const shipped = serving();
  test("the recordings that come with the server are the same whole and streamed", async () => {
    for (const { name, connect, modes, stops } of ways) {
      const client = connect(shipped.url, { key: "key", retries: 0 });
      const { text } = await modes.whole(client, { user: POEM });
      assert.ok(text.length > 100, name);
      for (const [mode, ask] of Object.entries(modes)) {
        holds(await ask(client, { user: POEM }, []), { text, stop: stops.stop }, `${name}, ${mode}`);
      }
    }
  });
}

/** Runs the table of behaviours over a table of ways; `more` are tests of what only this SDK has. */
export function suite(title, ways, more = () => {}, mocks = []) {
  describe(title, () => {
    const server = serving([...mocks, ...MOCKS]);
    const guarded = serving([...mocks, ...MOCKS], "--require-auth");
    for (const way of ways) describe(way.name, () => behaves(way, server, guarded));
    describe("beyond that", () => more(server, guarded));
  });
}
