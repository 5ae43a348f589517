// Claude's messages in what all suites understand, whoever serves them.
import { REFUSAL, TOOL } from "./behaviours.js";

import { zodOutputFormat } from "@anthropic-ai/sdk/helpers/zod";
import { z } from "zod";

const Weather = z.object({ city: z.string(), degrees: z.int() });
const PIECES = { text_delta: "text", thinking_delta: "thinking", signature_delta: "signature", input_json_delta: "partial_json" };

/** A messages request. */
export function asking(model, { user, tools, schema, past }) {
  return {
    model, max_tokens: 2048, thinking: { type: "enabled", budget_tokens: 1024 },
    messages: [{ role: "user", content: user }, ...(past ?? [])],
    ...(tools ? { tools: [{ name: TOOL.name, description: TOOL.description, input_schema: TOOL.parameters }] } : {}),
    ...(schema ? { output_config: { format: zodOutputFormat(Weather) } } : {}) };
}

/** A whole message. */
export function answered({ id, content, usage, stop_reason: stop, parsed_output: parsed }) {
  const of = type => content.filter(block => block.type === type);
  const thoughts = of("thinking");
  return {
    id, text: of("text").map(block => block.text).join(""), reasoning: thoughts.map(block => block.thinking).join(""),
    refusal: "", stop, calls: of("tool_use").map(({ id, name, input }) => ({ id, name, arguments: input })),
    parsed: parsed ?? undefined, raw: content, signatures: thoughts.map(block => block.signature),
    usage: {
      input: usage.input_tokens + usage.cache_read_input_tokens, output: usage.output_tokens,
      reasoning: usage.output_tokens_details?.thinking_tokens, cached: usage.cache_read_input_tokens } };
}

/** The events of a stream put together by hand. */
export async function gathered(events, seen) {
  let message;
  const json = [];
  for await (const { type, index, ...event } of events) {
    if (type === "message_start") message = event.message;
    if (type === "content_block_start") message.content[index] = event.content_block;
    if (type === "content_block_delta") {
      const name = PIECES[event.delta.type], piece = event.delta[name];
      if (name === "partial_json") json[index] = (json[index] ?? "") + piece;
      else message.content[index][name] += piece;
      if (name === "text") seen.push(piece);
    }
    if (type === "content_block_stop" && index in json) message.content[index].input = JSON.parse(json[index]);
    if (type === "message_delta") message = { ...message, ...event.delta, usage: { ...message.usage, ...event.usage } };
  }
  return answered(message);
}

/** With the text parsed by hand, where no helper does it. */
export const parsed = (answer, { schema }) => ({ ...answer, parsed: schema && JSON.parse(answer.text) });

export const follow = ({ raw, calls }, results) => [{ role: "assistant", content: raw }, { role: "user", content: calls.map(
  ({ id }, index) => ({ type: "tool_result", tool_use_id: id, content: results[index] })) }];
export const stops = { stop: "end_turn", length: "max_tokens", tool_calls: "tool_use", content_filter: "refusal" };
export const refused = { text: REFUSAL, stop: "refusal" };
