package compat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/azure"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/param"
	"github.com/openai/openai-go/v3/packages/respjson"
	"github.com/openai/openai-go/v3/packages/ssestream"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"
	"google.golang.org/genai"
)

const azureVersion = "2024-10-21"

// connection makes the options that lead to a provider.
type connection func(url string) []option.RequestOption

// under leads to an OpenAI-compatible base address.
func under(path string) connection {
	return func(url string) []option.RequestOption {
		return []option.RequestOption{option.WithBaseURL(url + path), option.WithAPIKey("key")}
	}
}

// deployed leads to deployments of Azure OpenAI.
func deployed(url string) []option.RequestOption {
	return []option.RequestOption{azure.WithEndpoint(url, azureVersion), azure.WithAPIKey("key"), azure.WithUnsafeAllowHTTP()}
}

var (
	chatStops = map[string]string{"stop": "stop", "length": "length", "tool_calls": "tool_calls",
		"content_filter": "content_filter", "refusal": "stop"}
	responsesStops = map[string]string{"stop": "completed", "length": "max_output_tokens", "tool_calls": "completed",
		"content_filter": "content_filter", "refusal": "completed"}
	openaiErrors = map[string]failure{
		"no key":         {status: 401, code: "invalid_request_error"},
		"authentication": {status: 401, code: "invalid_request_error invalid_api_key", message: "Incorrect API key provided"},
		"permission":     {status: 403, code: "invalid_request_error model_not_found"},
		"not_found":      {status: 404, code: "invalid_request_error model_not_found", message: "The model `gpt-4o-mini` does not exist"},
		"rate_limit":     {status: 429, code: "requests rate_limit_exceeded", message: "Rate limit reached for gpt-4o-mini"},
		"overloaded":     {status: 503, code: "server_error", message: "currently overloaded"},
		"server_error":   {status: 500, code: "server_error", message: "The server had an error"},
		"timeout":        {status: 504, code: "server_error"},
		"context_length": {status: 400, code: "invalid_request_error context_length_exceeded", message: "maximum context length"},
		"content_filter": {status: 200}}
	// The Responses API knows another sentence for a model that is not there.
	responsesErrors = with(openaiErrors, map[string]failure{
		"not_found": {status: 400, code: "invalid_request_error model_not_found",
			message: "The requested model 'gpt-4o-mini' does not exist."},
		"context_length": {status: 400, code: "invalid_request_error context_length_exceeded",
			message: "exceeds the context window of this model"}})
	azureErrors = with(openaiErrors, map[string]failure{
		"no key":         {status: 401, code: "401"},
		"authentication": {status: 401, code: "401", message: "Access denied due to invalid subscription key"},
		"permission":     {status: 403, code: "403"},
		"not_found": {status: 404, code: "invalid_request_error DeploymentNotFound",
			message: "The API deployment for this resource does not exist"},
		"rate_limit":     {status: 429, code: "429", message: "Please retry after"},
		"content_filter": {status: 400, code: "content_filter", message: "content management policy"}})
	azureResponsesErrors = with(azureErrors, map[string]failure{"context_length": responsesErrors["context_length"]})
)

var openaiWays = []way{
	chatWay("openai chat", "gpt-4o-mini", under("/v1"), openaiErrors),
	chatWay("openai chat at an azure deployment", "gpt-4o-mini", deployed, azureErrors),
	chatWay("openai chat at azure v1", "gpt-4o-mini", under("/openai/v1"), azureErrors),
	googleChatWay("openai chat at gemini", "gemini-2.5-flash", under("/v1beta/openai"), geminiErrors),
	googleChatWay("openai chat at vertex", "google/gemini-2.5-flash",
		under("/v1/projects/my-project/locations/us-central1/endpoints/openapi"), vertexErrors),
	responsesWay("openai responses", under("/v1"), responsesErrors),
	responsesWay("openai responses at azure", deployed, azureResponsesErrors),
	responsesWay("openai responses at azure v1", under("/openai/v1"), azureResponsesErrors),
}

// with is a table of errors in which some are others.
func with(errors, others map[string]failure) map[string]failure {
	found := map[string]failure{}
	for _, table := range []map[string]failure{errors, others} {
		for kind, failure := range table {
			found[kind] = failure
		}
	}
	return found
}

func chatWay(name, model string, connect connection, errors map[string]failure) way {
	return way{name: name, stops: chatStops, refuses: true, errors: errors, waits: errors["overloaded"].code == "server_error",
		failure: openaiFailure, broken: openaiBroken,
		connect: func(spot spot) asker { return chat{dial(spot, connect), model}.ask }}
}

// googleChatWay is the same at Google, whose thoughts count in the total alone, and who has no field for refusals.
func googleChatWay(name, model string, connect connection, errors map[string]failure) way {
	made := chatWay(name, model, connect, errors)
	made.refuses, made.stops = false, map[string]string{"refusal": "content_filter"}
	for stop, own := range chatStops {
		if stop != "refusal" {
			made.stops[stop] = own
		}
	}
	made.said = func(all usage) usage { return usage{all.input, all.output - all.reasoning, 0, all.cached} }
	return made
}

func responsesWay(name string, connect connection, errors map[string]failure) way {
	return way{name: name, stops: responsesStops, refuses: true, waits: true, errors: errors, failure: openaiFailure, broken: openaiBroken,
		connect: func(spot spot) asker { return responder{dial(spot, connect)}.ask }}
}

// dial is a client; the first middleware is the outermost.
func dial(spot spot, connect connection) openai.Client {
	options := append([]option.RequestOption{option.WithMaxRetries(spot.retries)}, connect(spot.url)...)
	if spot.bare {
		options = append(options, option.WithMiddleware(func(request *http.Request, next option.MiddlewareNext) (*http.Response, error) {
			uncover(request.Header)
			return next(request)
		}))
	}
	return openai.NewClient(options...)
}

// openaiFailure reads the SDK's error; its code is the type and the code of the answer, those that there are.
func openaiFailure(err error) (failure, bool) {
	var own *openai.Error
	if !errors.As(err, &own) {
		return failure{}, false
	}
	// Google's answers are arrays, in which the SDK finds nothing but leaves the body to read.
	var google []struct{ Error genai.APIError }
	if own.Message == "" && json.NewDecoder(own.Response.Body).Decode(&google) == nil && len(google) > 0 {
		return failure{own.StatusCode, google[0].Error.Status, google[0].Error.Message, own.Response.Header}, true
	}
	code := own.Type
	if own.Code != "" && code != "" {
		code += " "
	}
	return failure{own.StatusCode, code + own.Code, own.Message, own.Response.Header}, true
}

// openaiBroken reads the SDK's error for an error event.
func openaiBroken(err error) (failure, bool) {
	var own *ssestream.StreamError
	if !errors.As(err, &own) {
		return failure{}, false
	}
	return failure{message: own.Message}, true
}

// extra is a text that the SDK has no field for.
func extra(fields map[string]respjson.Field, name string) string {
	var found string
	_ = json.Unmarshal([]byte(fields[name].Raw()), &found)
	return found
}

// chat asks for chat completions.
type chat struct {
	client openai.Client
	model  string
}

// atGoogle says whether thoughts are in the text, calls have no index, and each chunk has the usage.
func (c chat) atGoogle() bool { return strings.Contains(c.model, "gemini") }

func (c chat) ask(ctx context.Context, asked question) (reply, error) {
	params := openai.ChatCompletionNewParams{Model: c.model,
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(asked.user)},
		Tools: []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{
			Name: "get_weather", Parameters: place})}}
	if asked.schema {
		params.ResponseFormat.OfJSONSchema = &shared.ResponseFormatJSONSchemaParam{
			JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{Name: "weather", Schema: forecast, Strict: openai.Bool(true)}}
	}
	for {
		completion, reasoning, err := c.complete(ctx, params, asked.stream)
		if len(completion.Choices) == 0 {
			return reply{}, err
		}
		message := completion.Choices[0].Message
		if err != nil || asked.result == "" || len(message.ToolCalls) == 0 {
			found := chatReply(completion, reasoning)
			if thought, rest, is := strings.Cut(found.text, "</thought>"); is && c.atGoogle() {
				found.reasoning, found.text = strings.TrimPrefix(thought, "<thought>"), rest
			}
			return found, err
		}
		params.Messages = append(params.Messages, message.ToParam())
		for _, call := range message.ToolCalls {
			params.Messages = append(params.Messages, openai.ToolMessage(asked.result, call.ID))
		}
	}
}

// complete gets a completion, and its reasoning, which the SDK does not know.
func (c chat) complete(ctx context.Context, params openai.ChatCompletionNewParams, streamed bool) (openai.ChatCompletion, string, error) {
	if !streamed {
		completion, err := c.client.Chat.Completions.New(ctx, params)
		if err != nil || len(completion.Choices) == 0 {
			return openai.ChatCompletion{}, "", err
		}
		return *completion, extra(completion.Choices[0].Message.JSON.ExtraFields, "reasoning_content"), nil
	}
	params.StreamOptions.IncludeUsage = openai.Bool(true)
	stream := c.client.Chat.Completions.NewStreaming(ctx, params)
	defer stream.Close()
	gathered, reasoning, calls := openai.ChatCompletionAccumulator{}, "", int64(0)
	for stream.Next() {
		chunk := stream.Current()
		if c.atGoogle() { // the accumulator adds up the usage of all chunks, and takes all calls for one
			gathered.Usage = openai.CompletionUsage{}
			for _, choice := range chunk.Choices {
				for index := range choice.Delta.ToolCalls {
					choice.Delta.ToolCalls[index].Index = calls
					calls++
				}
			}
		}
		if !gathered.AddChunk(chunk) {
			return openai.ChatCompletion{}, "", fmt.Errorf("the accumulator refused %s", chunk.RawJSON())
		}
		for _, choice := range chunk.Choices {
			reasoning += extra(choice.Delta.JSON.ExtraFields, "reasoning_content")
		}
	}
	return gathered.ChatCompletion, reasoning, stream.Err()
}

func chatReply(completion openai.ChatCompletion, reasoning string) reply {
	choice, tokens := completion.Choices[0], completion.Usage
	found := reply{id: completion.ID, model: completion.Model, reasoning: reasoning, text: choice.Message.Content,
		refusal: choice.Message.Refusal, stop: choice.FinishReason, usage: usage{tokens.PromptTokens, tokens.CompletionTokens,
			tokens.CompletionTokensDetails.ReasoningTokens, tokens.PromptTokensDetails.CachedTokens}}
	for _, made := range choice.Message.ToolCalls {
		found.calls = append(found.calls, call{made.ID, made.Function.Name, parsed(made.Function.Arguments)})
	}
	return found
}

// responder asks for responses.
type responder struct{ client openai.Client }

func (r responder) ask(ctx context.Context, asked question) (reply, error) {
	items := responses.ResponseInputParam{responses.ResponseInputItemParamOfMessage(asked.user, responses.EasyInputMessageRoleUser)}
	params := responses.ResponseNewParams{Model: "gpt-4o-mini", Tools: []responses.ToolUnionParam{
		responses.ToolParamOfFunction("get_weather", place, true)}}
	if asked.schema {
		params.Text.Format = responses.ResponseFormatTextConfigParamOfJSONSchema("weather", forecast)
	}
	for {
		params.Input.OfInputItemList = items
		response, said, err := r.respond(ctx, params, asked.stream)
		found := responseReply(response)
		if err != nil {
			return reply{text: said}, err
		}
		if asked.stream && said != found.text+found.refusal {
			return found, fmt.Errorf("the deltas said %q, the response %q", said, found.text+found.refusal)
		}
		if asked.result == "" || len(found.calls) == 0 {
			return found, nil
		}
		for _, item := range response.Output {
			items = append(items, param.Override[responses.ResponseInputItemUnionParam](json.RawMessage(item.RawJSON())))
		}
		for _, call := range found.calls {
			result := responses.ResponseInputItemParamOfFunctionCallOutput(asked.result)
			result.OfFunctionCallOutput.CallID = openai.String(call.id)
			items = append(items, result)
		}
	}
}

// respond gets a response, and what the deltas of its stream said.
func (r responder) respond(ctx context.Context, params responses.ResponseNewParams, streamed bool) (responses.Response, string, error) {
	if !streamed {
		response, err := r.client.Responses.New(ctx, params)
		if err != nil {
			return responses.Response{}, "", err
		}
		return *response, "", nil
	}
	stream := r.client.Responses.NewStreaming(ctx, params)
	defer stream.Close()
	last, said := responses.Response{}, ""
	for number := int64(0); stream.Next(); number++ {
		event := stream.Current()
		if event.SequenceNumber != number {
			return last, said, fmt.Errorf("event %d has the sequence number %d", number, event.SequenceNumber)
		}
		switch event.Type {
		case "response.output_text.delta", "response.refusal.delta":
			said += event.Delta
		case "response.completed", "response.incomplete":
			last = event.Response
		}
	}
	return last, said, stream.Err()
}

func responseReply(response responses.Response) reply {
	tokens := response.Usage
	found := reply{id: response.ID, model: response.Model, text: response.OutputText(), stop: string(response.Status), usage: usage{
		tokens.InputTokens, tokens.OutputTokens, tokens.OutputTokensDetails.ReasoningTokens, tokens.InputTokensDetails.CachedTokens}}
	if response.Status == responses.ResponseStatusIncomplete {
		found.stop = response.IncompleteDetails.Reason
	}
	for _, item := range response.Output {
		for _, summary := range item.Summary {
			found.reasoning += summary.Text
		}
		for _, content := range item.Content {
			found.refusal += content.Refusal
		}
		if made, is := item.AsAny().(responses.ResponseFunctionToolCall); is {
			found.calls = append(found.calls, call{made.CallID, made.Name, parsed(made.Arguments)})
		}
	}
	return found
}

// openaiConnections lead to all places that speak OpenAI's APIs besides chat.
var openaiConnections = map[string]connection{"openai": under("/v1"), "azure deployments": deployed, "azure v1": under("/openai/v1")}

// eachConnection runs a test for every connection, in parallel.
func eachConnection(t *testing.T, test func(*testing.T, openai.Client)) {
	for name, connect := range openaiConnections {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, dial(spot{url: plain}, connect))
		})
	}
}

func TestOpenaiEmbedsEachInputInBothEncodings(t *testing.T) {
	eachConnection(t, func(t *testing.T, client openai.Client) {
		for _, encoding := range []openai.EmbeddingNewParamsEncodingFormat{"", "float", "base64"} {
			t.Run("encoding "+string(encoding), func(t *testing.T) {
				answer := must[*openai.CreateEmbeddingResponse](t)(client.Embeddings.New(t.Context(), openai.EmbeddingNewParams{
					Model: "text-embedding-3-small", EncodingFormat: encoding,
					Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"one", "two"}}}))
				for index, entry := range answer.Data {
					equal(t, entry.Index, int64(index))
					equal(t, entry.Embedding, vectors[index])
					equal(t, entry.JSON.Embedding.Raw()[0] == '"', encoding == "base64")
				}
				equal(t, len(answer.Data), 2)
				equal(t, answer.Usage.TotalTokens > 0, true)
			})
		}
	})
}

func TestResponsesCountTheTokensThatTheMockSays(t *testing.T) {
	client := dial(spot{url: plain}, under("/v1"))
	answer := must[*responses.InputTokenCountResponse](t)(client.Responses.InputTokens.Count(t.Context(), responses.InputTokenCountParams{
		Model: openai.String("gpt-4o-mini"), Input: responses.InputTokenCountParamsInputUnion{OfString: openai.String("count")}}))
	equal(t, answer.InputTokens, 31)
}

func TestTwoChoicesAreAccumulatedApart(t *testing.T) {
	eachConnection(t, func(t *testing.T, client openai.Client) {
		params := openai.ChatCompletionNewParams{Model: "gpt-4o-mini", N: openai.Int(2),
			Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("text")}}
		wholeAndStreamed(t, func(t *testing.T, stream bool) {
			completion, _, err := chat{client, "gpt-4o-mini"}.complete(t.Context(), params, stream)
			equal(t, err, nil)
			equal(t, len(completion.Choices), 2)
			for index, choice := range completion.Choices {
				equal(t, []any{choice.Index, choice.Message.Content, choice.FinishReason}, []any{int64(index), text, "stop"})
			}
		})
	})
}

func TestOpenaiModelsAreListedAndAnyCanBeRetrieved(t *testing.T) {
	eachConnection(t, func(t *testing.T, client openai.Client) {
		names, models := map[string]bool{}, client.Models.ListAutoPaging(t.Context())
		for models.Next() {
			names[models.Current().ID] = true
		}
		equal(t, models.Err(), nil)
		equal(t, names["gpt-4o-mini"], true)
		equal(t, must[*openai.Model](t)(client.Models.Get(t.Context(), "my-own-model")).ID, "my-own-model")
	})
}

func TestTheChatAccumulatorSeesEachPartEnd(t *testing.T) {
	client := dial(spot{url: plain}, under("/v1"))
	stream := client.Chat.Completions.NewStreaming(t.Context(), openai.ChatCompletionNewParams{Model: "gpt-4o-mini",
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("call")}})
	gathered, ended := openai.ChatCompletionAccumulator{}, []string{}
	for stream.Next() {
		gathered.AddChunk(stream.Current())
		if content, just := gathered.JustFinishedContent(); just {
			ended = append(ended, content)
		}
		if call, just := gathered.JustFinishedToolCall(); just {
			ended = append(ended, fmt.Sprint(call.Index, call.Name, parsed(call.Arguments)["city"]))
		}
	}
	equal(t, stream.Err(), nil)
	equal(t, ended, []string{"I will look.", "0get_weatherOslo", "1get_weatherRome — «Roma»"})
}

// token is a credential of Entra that never expires.
type token string

func (t token) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: string(t), ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func TestAzureTakesAnEntraToken(t *testing.T) {
	ask := chat{openai.NewClient(azure.WithEndpoint(guarded, azureVersion), azure.WithTokenCredential(token("token")),
		azure.WithUnsafeAllowHTTP()), "gpt-4o-mini"}.ask
	equal(t, must[reply](t)(ask(t.Context(), question{user: "text"})).text, text)
}

func TestAnOpenaiErrorHasItsRequestId(t *testing.T) {
	for name, connect := range openaiConnections {
		t.Run(name, func(t *testing.T) {
			_, err := chat{dial(spot{url: plain}, connect), "gpt-4o-mini"}.ask(t.Context(), question{user: "server_error"})
			found, _ := openaiFailure(err)
			equal(t, found.header.Get("X-Request-Id") != "", true)
		})
	}
}

func TestXShouldRetryDecidesWhetherTheSdkRetries(t *testing.T) {
	// The first answer says false, so that the second, which would do, is never asked for.
	_, err := chat{dial(spot{url: plain, retries: 2}, under("/v1")), "gpt-4o-mini"}.ask(t.Context(), question{user: "do not retry"})
	found, _ := openaiFailure(err)
	equal(t, failure{status: found.status, message: found.message}, failure{status: 500, message: "final"})
}
