// Questions to every API that an SDK has types for, and the server's answers to them as JSON.
//
// A question is { type, path, body, headers, method, before }: `type` is what the SDK calls the answer, or each event of a
// stream; without a body it is a GET, unless `method` says another; `before` is what is asked first.
import { KINDS, SCHEMA, TOOL } from "./behaviours.js";

import { EventStreamCodec } from "@smithy/core/event-streams";

const USERS = ["hello", "think", "refuse", "json", "spend", "end length", "end content_filter"];
const ERRORS = KINDS.filter(kind => kind !== "content_filter").map(kind => `fail ${kind}`);
const CLAUDE = { "anthropic-version": "2023-06-01" };
const MISTRAL = { "user-agent": "mistral-client-typescript/2.7.0" };
const PNG = Buffer.from("89504e470d0a1a0a", "hex");
const GEMINI = "/v1beta/models/gemini-3-flash-preview";
const PROJECT = "/v1beta1/projects/p/locations/europe-west1";
const OPENAPI = `${PROJECT}/endpoints/openapi/chat/completions`;
const VERTEX = `${PROJECT}/publishers/google/models/gemini-3-flash-preview`;
const CONVERSE = "/model/eu.amazon.nova-pro-v1:0";

/** A question about each body. */
const asks = (type, path, bodies, headers) => bodies.map(body => ({ type, path, body, headers }));
const gets = (type, path, headers) => asks(type, path, [undefined], headers);

/** The same of a response that is stored: each has its own, which is made first. */
const stored = (type, name, { path = "", method, background, of = "/v1" } = {}) => [{
  type, path: `${of}/responses/resp_${name}${path}`, method,
  before: { path: `${of}/responses`, body: { model: "gpt-4o-mini", input: `store ${name}`, background } } }];

/** A form with a file: a recording or a picture. */
function form(fields, name) {
  const data = new FormData();
  for (const [key, value] of Object.entries(fields)) data.append(key, value);
  if (name === "image") data.append(name, new Blob([PNG], { type: "image/png" }), "a.png");
  else data.append(name, new Blob(["RIFF"], { type: "audio/wav" }), "a.wav");
  return data;
}

const messages = content => [{ role: "user", content }];
const tools = [{ type: "function", function: TOOL }];
const streamed = bodies => bodies.map(body => ({ ...body, stream: true }));
const whole = bodies => bodies.map(body => ({ ...body, stream: false }));
const counted = bodies => streamed(bodies).map(body => ({ ...body, stream_options: { include_usage: true } }));

const chats = model => USERS.map(user => ({ model, messages: messages(user), tools }));
const more = [
  { model: "gpt-4o-mini", messages: messages("hello"), n: 2, logprobs: true, top_logprobs: 2 },
  { model: "gpt-5", messages: messages("hello"), reasoning_effort: "low" },
  { model: "gpt-4o-mini", messages: messages("think"), tools: [{ type: "custom", custom: { name: TOOL.name } }] },
  { model: "gpt-4o-mini", messages: messages("call"), functions: [TOOL] }];
const prompts = [{ model: "m", prompt: "hello", logprobs: 2, n: 2 }, { model: "m", prompt: "end length" }];
const inputs = [
  ...USERS.map(input => ({
    model: "gpt-4o-mini", input, reasoning: { summary: "auto" }, tools: [{ type: "function", ...TOOL }] })),
  { model: "gpt-4o-mini", input: "json", text: { format: { type: "json_schema", name: "weather", schema: SCHEMA } } },
  { model: "gpt-4o-mini", input: "think", tools: [{ type: "custom", name: TOOL.name }], tool_choice: "required" },
  { model: "gpt-4o-mini", input: "hello", instructions: "Be brief.", metadata: { a: "b" }, top_logprobs: 2,
    include: ["message.output_text.logprobs"], previous_response_id: "resp_1", max_output_tokens: 99, truncation: "auto" }];
const claudes = USERS.map(user => ({
  model: "claude-sonnet-4-5", max_tokens: 2048, messages: messages(user),
  tools: [{ name: TOOL.name, input_schema: TOOL.parameters }] }));
const contents = [...USERS, "fail content_filter"].map(text => ({ contents: [{ role: "user", parts: [{ text }] }] }));
const [{ contents: [content] }] = contents;
const converse = USERS.map(text => ({ messages: [{ role: "user", content: [{ text }] }] }));
const vectors = { model: "m", input: ["one", "two"], encoding_format: "float" };
const ollama = chats("llama3.2").map(body => ({ ...body, think: true }));
const generate = USERS.filter(user => user !== "think").map(prompt => ({ model: "llama3.2", prompt, think: true }));

const drawn = [{ model: "gpt-image-1.5", prompt: "draw" }, { model: "dall-e-3", prompt: "draw", response_format: "url" }];
const painted = { model: "gpt-image-1.5", prompt: "draw" };
const heard = { model: "gpt-4o-transcribe" }, logged = { ...heard, "include[]": "logprobs" };
const whisper = { model: "whisper-1", response_format: "verbose_json" };
const diarized = { model: "gpt-4o-transcribe-diarize", response_format: "diarized_json" };
const listened = (...bodies) => bodies.map(body => form(body, "file"));
const ranked = { model: "rerank-v3.5", query: "rank", documents: ["one", "two"] };
const COHERE = { "user-agent": "cohere-ai/8.1.0" };
const SPEECH = '{ type: "speech.audio.delta"; audio: string } | { type: "speech.audio.done"; usage: Record<string, number> }';

export const QUESTIONS = [
  ...asks("OpenAI.ChatCompletion", "/v1/chat/completions", [...chats("gpt-4o-mini"), ...more]),
  ...asks("OpenAI.ChatCompletionChunk", "/v1/chat/completions", counted([...chats("gpt-4o-mini"), ...more])),
  ...asks("OpenAI.Completion", "/v1/completions", [...prompts, ...counted(prompts)]),
  ...asks("OpenAI.CreateEmbeddingResponse", "/v1/embeddings", [vectors]),
  ...asks("OpenAI.ModerationCreateResponse", "/v1/moderations", [{ input: "nasty" }, { input: ["nice", "nasty"] }]),
  ...asks("OpenAI.Responses.Response", "/v1/responses", inputs),
  ...asks("OpenAI.Responses.ResponseStreamEvent", "/v1/responses", streamed([...inputs, { model: "m", input: "break" }])),
  ...asks("OpenAI.Responses.InputTokenCountResponse", "/v1/responses/input_tokens", [{ model: "m", input: "count" }]),
  ...stored("OpenAI.Responses.Response", "whole"),
  ...stored("OpenAI.Responses.ResponseStreamEvent", "streamed", { path: "?stream=true" }),
  ...stored("OpenAI.Responses.ResponseItemList", "items", { path: "/input_items" }),
  ...stored("OpenAI.Responses.Response", "polled", { background: true }),
  ...stored("OpenAI.Responses.Response", "cancelled", { background: true, path: "/cancel", method: "POST" }),
  ...stored("Deleted", "deleted", { method: "DELETE" }),
  ...asks("OpenAI.Responses.Response", "/v1/responses", [{ model: "m", input: "hello", background: true }]),
  ...asks("OpenAI.Responses.CompactedResponse", "/v1/responses/compact", [{ model: "m", input: "hello" }]),
  ...asks("OpenAI.ImagesResponse", "/v1/images/generations", drawn),
  ...asks("OpenAI.ImageGenStreamEvent", "/v1/images/generations", streamed([{ ...painted, partial_images: 1 }])),
  ...asks("OpenAI.ImagesResponse", "/v1/images/edits", [form(painted, "image")]),
  ...asks("OpenAI.ImageEditStreamEvent", "/v1/images/edits", [form({ ...painted, stream: true }, "image")]),
  ...asks(SPEECH, "/v1/audio/speech", [{ model: "tts", voice: "alloy", input: "hello", stream_format: "sse" }]),
  ...asks("OpenAI.Audio.Transcription", "/v1/audio/transcriptions", listened(heard, logged, { model: "whisper-1" })),
  ...asks("OpenAI.Audio.TranscriptionVerbose", "/v1/audio/transcriptions",
    listened(whisper, { ...whisper, "timestamp_granularities[]": "word" })),
  ...asks("OpenAI.Audio.TranscriptionDiarized", "/v1/audio/transcriptions", listened(diarized)),
  ...asks("OpenAI.Audio.TranscriptionStreamEvent", "/v1/audio/transcriptions",
    listened(...streamed([heard, logged, diarized]))),
  ...asks("OpenAI.Audio.Translation", "/v1/audio/translations", listened({ model: "whisper-1" })),
  ...asks("OpenAI.Audio.TranslationVerbose", "/v1/audio/translations", listened(whisper)),
  ...gets("Page<OpenAI.Model>", "/v1/models"),
  ...gets("OpenAI.Model", "/v1/models/mine"),
  ...asks("{ error: OpenAI.ErrorObject }", "/v1/chat/completions",
    ERRORS.map(user => ({ model: "m", messages: messages(user) }))),
  ...asks("{ error: OpenAI.ErrorObject }", "/v1/responses", ERRORS.map(input => ({ model: "m", input }))),

  // What others say in OpenAI's way.
  ...asks("OpenAI.ChatCompletion", "/openai/v1/chat/completions", chats("gpt-4o-mini")),
  ...asks("OpenAI.ChatCompletionChunk", "/openai/v1/chat/completions", counted(chats("gpt-4o-mini"))),
  ...asks("OpenAI.Responses.Response", "/openai/v1/responses", inputs),
  ...asks("OpenAI.Responses.ResponseStreamEvent", "/openai/v1/responses", streamed(inputs)),
  ...stored("OpenAI.Responses.Response", "azure", { of: "/openai/v1" }),
  ...asks("OpenAI.ImagesResponse", "/openai/v1/images/generations", drawn.slice(0, 1)),
  ...asks("OpenAI.Audio.Transcription", "/openai/v1/audio/transcriptions", listened(heard)),
  ...asks("OpenAI.ChatCompletion", "/v1beta/openai/chat/completions", chats("gemini-3-flash-preview")),
  ...asks("OpenAI.ChatCompletionChunk", "/v1beta/openai/chat/completions", counted(chats("gemini-3-flash-preview"))),
  ...asks("OpenAI.CreateEmbeddingResponse", "/v1beta/openai/embeddings", [vectors]),
  ...gets("Page<OpenAI.Model>", "/v1beta/openai/models"),
  ...asks("OpenAI.ChatCompletion", OPENAPI, chats("google/gemini-3-flash-preview")),
  ...asks("OpenAI.ChatCompletionChunk", OPENAPI, counted(chats("google/gemini-3-flash-preview"))),

  ...asks("Anthropic.Message", "/v1/messages", claudes, CLAUDE),
  ...asks("Anthropic.RawMessageStreamEvent", "/v1/messages", streamed(claudes), CLAUDE),
  ...asks("Anthropic.Beta.BetaMessage", "/v1/messages?beta=true", claudes, CLAUDE),
  ...asks("Anthropic.Beta.BetaRawMessageStreamEvent", "/v1/messages?beta=true", streamed(claudes), CLAUDE),
  ...asks("Anthropic.Message", `${PROJECT}/publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict`, claudes),
  ...asks("Anthropic.Message", "/model/us.anthropic.claude-sonnet-4-5-20250929-v1:0/invoke", claudes),
  ...asks("Anthropic.MessageTokensCount", "/v1/messages/count_tokens", [{ ...claudes[0], messages: messages("count") }], CLAUDE),
  ...gets("ClaudePage<Anthropic.ModelInfo>", "/v1/models", CLAUDE),
  ...gets("Anthropic.ModelInfo", "/v1/models/claude-mine", CLAUDE),
  ...asks("Anthropic.ErrorResponse", "/v1/messages", ERRORS.map(user => ({ ...claudes[0], messages: messages(user) })), CLAUDE),

  ...asks("GoogleAnswer", `${GEMINI}:generateContent`, contents),
  ...asks("GoogleAnswer", `${GEMINI}:streamGenerateContent?alt=sse`, contents),
  ...asks("GoogleAnswer", `${VERTEX}:generateContent`, contents),
  ...asks("GoogleAnswer", `${VERTEX}:streamGenerateContent?alt=sse`, contents),
  ...asks("Google.CountTokensResponse", `${GEMINI}:countTokens`, [{ contents: content }]),
  ...asks("Google.CountTokensResponse", `${VERTEX}:countTokens`, [{ contents: content }]),
  ...asks("{ embedding: Google.ContentEmbedding }", "/v1beta/models/gemini-embedding-001:embedContent", [{ content }]),
  ...asks("Google.EmbedContentResponse", "/v1beta/models/gemini-embedding-001:batchEmbedContents", [{ requests: [{ content }] }]),
  ...gets("{ models: GoogleModel[] }", "/v1beta/models"),
  ...gets("GoogleModel", "/v1beta/models/gemini-mine"),

  ...asks("Snaked<Cohere.V2ChatResponse>", "/v2/chat", chats("command-a-03-2025")),
  ...asks("Snaked<Cohere.V2ChatStreamResponse>", "/v2/chat",
    streamed([...chats("command-a-03-2025"), { model: "m", messages: messages("break") }])),
  ...asks("Snaked<Cohere.EmbedByTypeResponse>", "/v2/embed",
    [{ model: "embed-v4.0", texts: ["one", "two"], input_type: "search_query", embedding_types: ["float", "int8", "base64"] }]),
  ...asks("Snaked<Cohere.V2RerankResponse>", "/v2/rerank", [ranked, { ...ranked, top_n: 1 }]),
  ...asks("Snaked<Cohere.RerankResponse>", "/v1/rerank", [ranked, { ...ranked, return_documents: true }], COHERE),

  ...asks("Snaked<Mistral.ChatCompletionResponse>", "/v1/chat/completions", chats("mistral-small-latest"), MISTRAL),
  ...asks("Snaked<Mistral.CompletionChunk>", "/v1/chat/completions", streamed(chats("mistral-small-latest")), MISTRAL),
  ...asks("Snaked<Mistral.FIMCompletionResponse>", "/v1/fim/completions", [{ model: "codestral", prompt: "hello" }], MISTRAL),
  ...asks("Snaked<Mistral.CompletionChunk>", "/v1/fim/completions", streamed([{ model: "codestral", prompt: "hello" }]), MISTRAL),
  ...asks("Snaked<Mistral.EmbeddingResponse>", "/v1/embeddings", [{ model: "mistral-embed", input: ["one", "two"] }], MISTRAL),
  ...asks("Snaked<Mistral.ModerationResponse>", "/v1/moderations",
    [{ model: "m", input: "nasty" }, { model: "m", input: ["nice", "nasty"] }], MISTRAL),
  ...asks("Snaked<Mistral.ModerationResponse>", "/v1/chat/moderations", [{ model: "m", input: messages("nasty") }], MISTRAL),
  ...asks("Snaked<Mistral.ClassificationResponse>", "/v1/classifications", [{ model: "m", input: ["nice", "spam"] }], MISTRAL),
  ...asks("Snaked<Mistral.ClassificationResponse>", "/v1/chat/classifications",
    [{ model: "m", input: { messages: messages("spam") } }], MISTRAL),
  ...asks("Snaked<Mistral.OCRResponse>", "/v1/ocr", [{ model: "m", document: { document_url: "hello" } }], MISTRAL),
  ...asks("Snaked<Mistral.TranscriptionResponse>", "/v1/audio/transcriptions", listened({ model: "voxtral-mini-latest" }), MISTRAL),
  ...asks("Snaked<Mistral.TranscriptionStreamEventsData>", "/v1/audio/transcriptions",
    listened({ model: "voxtral-mini-latest", stream: true, timestamp_granularities: "segment" }), MISTRAL),
  ...gets("Snaked<Mistral.ModelList>", "/v1/models", MISTRAL),
  ...gets("Snaked<Mistral.BaseModelCard>", "/v1/models/mine", MISTRAL),

  ...asks("Ollama.ChatResponse", "/api/chat", [...whole(ollama), ...streamed(ollama)]),
  ...asks("Ollama.GenerateResponse", "/api/generate", [...whole(generate), ...streamed(generate)]),
  ...asks("Ollama.EmbedResponse", "/api/embed", [vectors]),
  ...asks("Ollama.EmbeddingsResponse", "/api/embeddings", [{ model: "m", prompt: "one" }]),
  ...asks("Ollama.ErrorResponse", "/api/chat", [{ model: "m", messages: messages("fail not_found") }]),
  ...gets("Ollama.ListResponse", "/api/tags"),
  ...gets("Ollama.ListResponse", "/api/ps"),
  ...asks("Ollama.ShowResponse", "/api/show", [{ model: "llama3.2" }]),
  ...gets("Ollama.VersionResponse", "/api/version"),

  ...asks("Bedrock.ConverseResponse", `${CONVERSE}/converse`, converse),
  ...asks("Bedrock.ConverseStreamOutput", `${CONVERSE}/converse-stream`, converse),
  ...asks("Bedrock.CountTokensResponse", `${CONVERSE}/count-tokens`, [{ input: { converse: converse[0] } }]),
];

const STORED = QUESTIONS.filter(({ before }) => before).map(({ before: { body } }) => body.input.slice("store ".length));

/** What the questions need beside the mocks of all behaviours. */
export const MOCKS = [
  { match: { operation: "moderate", user: { contains: "nasty" } }, response: { finish_reason: "content_filter", text: "" } },
  { match: { api: ["classifications", "chat_classifications"] }, response: { text: "spam" } },
  { match: { operation: "count_tokens" }, response: { text: "", usage: { input_tokens: 31 } } },
  { match: { operation: "embed", user: "hello" }, response: { embedding: [0.25, -0.5, 1] } },
  { match: { user: "rank", operation: "rerank" }, response: { scores: [0.25, 0.75] } },
  { match: { user: "draw", operation: "image" }, response: { text: "A drawing." } },
  { match: { api: "speech" }, response: { text: "hello" } },
  { match: { operation: "audio" }, response: { text: "Hello there. How are you?" } },
  ...STORED.map(name => ({ match: { user: `store ${name}` }, response: { id: `resp_${name}`, text: "hello" } })),
  { match: { user: "call" }, response: { tool_calls: [{ name: TOOL.name, arguments: { city: "Oslo" } }] } },
];

const codec = new EventStreamCodec(bytes => Buffer.from(bytes).toString(), text => Buffer.from(text));
const LINES = {
  "text/event-stream": text => text.split(/\r?\n/).filter(line => line.startsWith("data: ") && line !== "data: [DONE]")
    .map(line => JSON.parse(line.slice(6))),
  "application/x-ndjson": text => text.trim().split("\n").map(line => JSON.parse(line)),
  "application/json": text => [JSON.parse(text)] };

/** The events in Amazon's frames, as its SDK has them: each under its name. */
function* framed(bytes) {
  for (let at = 0, size; at < bytes.length; at += size) {
    size = bytes.readUInt32BE(at);
    const { headers, body } = codec.decode(bytes.subarray(at, at + size));
    yield { [headers[":event-type"].value]: JSON.parse(Buffer.from(body)) };
  }
}

/** What a server answers to a question: a value, or the values of the events. */
export async function answers(url, { path, body, headers, method, before }) {
  if (before) await answers(url, before);
  const isForm = body instanceof FormData;              // which fetch gives its type and boundary
  const response = await fetch(url + path, {
    method: method ?? (body ? "POST" : "GET"), body: isForm ? body : JSON.stringify(body),
    headers: { ...(isForm ? {} : { "content-type": "application/json" }), ...headers } });
  const [kind] = response.headers.get("content-type").split(";"), bytes = Buffer.from(await response.arrayBuffer());
  return kind === "application/vnd.amazon.eventstream" ? [...framed(bytes)] : LINES[kind](bytes.toString());
}
