package compat

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/anthropics/anthropic-sdk-go/v2"
	"github.com/anthropics/anthropic-sdk-go/v2/bedrock"
	"github.com/anthropics/anthropic-sdk-go/v2/option"
	"github.com/anthropics/anthropic-sdk-go/v2/vertex"
	"github.com/aws/aws-sdk-go-v2/aws"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
)

var (
	claudeStops = map[string]string{"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use",
		"content_filter": "refusal", "refusal": "refusal"}
	claudeErrors = map[string]failure{
		"no key":         {status: 401, code: "authentication_error"},
		"authentication": {status: 401, code: "authentication_error", message: "invalid x-api-key"},
		"permission":     {status: 403, code: "permission_error"},
		"not_found":      {status: 404, code: "not_found_error", message: "model: claude-sonnet-4-5"},
		"rate_limit":     {status: 429, code: "rate_limit_error", message: "This request would exceed"},
		"overloaded":     {status: 529, code: "overloaded_error", message: "Overloaded"},
		"server_error":   {status: 500, code: "api_error", message: "Internal server error"},
		"timeout":        {status: 504, code: "timeout_error"},
		"context_length": {status: 400, code: "invalid_request_error", message: "prompt is too long"},
		"content_filter": {status: 200}}
	// Google's front answers for what Claude never sees.
	claudeOnVertexErrors = with(claudeErrors, map[string]failure{
		"no key":         vertexErrors["no key"],
		"authentication": vertexErrors["authentication"],
		"permission":     vertexErrors["permission"],
		"not_found": {status: 404, code: "NOT_FOUND",
			message: "Publisher Model `projects/my-project/locations/us-east5/publishers/anthropic/models/claude-sonnet-4-5`"},
		"rate_limit": {status: 429, code: "RESOURCE_EXHAUSTED"}})
)

var anthropicWays = []way{
	claudeWay("anthropic", "claude-sonnet-4-5", claudeErrors, direct),
	claudeWay("anthropic at vertex", "claude-sonnet-4-5", claudeOnVertexErrors, onVertex),
	claudeWay("anthropic at bedrock", claudeModel, bedrockErrors, onBedrock),
}

// direct leads to Anthropic itself.
func direct(url string) []option.RequestOption {
	return []option.RequestOption{option.WithBaseURL(url), option.WithAPIKey("key")}
}

func onVertex(url string) []option.RequestOption {
	tokens := oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "token"})
	credentials := &google.Credentials{TokenSource: tokens}
	return []option.RequestOption{vertex.WithCredentials(context.Background(), "us-east5", "my-project", credentials), option.WithBaseURL(url)}
}

func onBedrock(url string) []option.RequestOption {
	return []option.RequestOption{bedrock.WithConfig(aws.Config{Region: "us-east-1", Credentials: awsCredentials}), option.WithBaseURL(url)}
}

func claudeWay(name, model string, errors map[string]failure, options func(string) []option.RequestOption) way {
	return way{name: name, stops: claudeStops, errors: errors, failure: claudeFailure,
		waits:   errors["rate_limit"].code == "rate_limit_error",
		connect: func(spot spot) asker { return claude{claudeClient(spot, options), model}.ask }}
}

// claudeClient is a client that knows nothing of the environment.
func claudeClient(spot spot, options func(string) []option.RequestOption) anthropic.Client {
	all := []option.RequestOption{option.WithoutEnvironmentDefaults(), option.WithMaxRetries(spot.retries)}
	all = append(all, options(spot.url)...)
	if spot.bare { // last, so that nothing puts the credential back
		all = append(all, option.WithHTTPClient(&http.Client{Transport: bare{}}))
	}
	return anthropic.NewClient(all...)
}

// claudeFailure reads the SDK's error, which has a type in Anthropic's form only; Google's and Amazon's are in its body.
func claudeFailure(err error) (failure, bool) {
	var own *anthropic.Error
	if !errors.As(err, &own) {
		return failure{}, false
	}
	found := failure{status: own.StatusCode, code: string(own.Type()), header: own.Response.Header}
	var body struct {
		Message string
		Error   struct{ Message, Status string }
	}
	_ = json.Unmarshal([]byte(own.RawJSON()), &body)
	found.message = body.Message + body.Error.Message
	amazon, _, _ := strings.Cut(found.header.Get("X-Amzn-Errortype"), ":")
	found.code += body.Error.Status + amazon
	return found, true
}

// claude asks for messages.
type claude struct {
	client anthropic.Client
	model  string
}

// claudeParams is the request; InvokeModel sends it without the model.
func claudeParams(model string, asked question) anthropic.MessageNewParams {
	params := anthropic.MessageNewParams{Model: model, MaxTokens: 1024,
		Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock(asked.user))},
		Tools: []anthropic.ToolUnionParam{anthropic.ToolUnionParamOfTool(anthropic.ToolInputSchemaParam{
			Properties: place["properties"], Required: []string{"city"}}, "get_weather")}}
	if asked.schema {
		params.OutputConfig.Format.Schema = forecast
	}
	return params
}

func (c claude) ask(ctx context.Context, asked question) (reply, error) {
	return claudeTalk(claudeParams(c.model, asked), asked, func(params anthropic.MessageNewParams) (anthropic.Message, error) {
		return c.message(ctx, params, asked.stream)
	})
}

// claudeTalk gets messages until no tool is to be called, or the first if there is no result.
func claudeTalk(params anthropic.MessageNewParams, asked question,
	get func(anthropic.MessageNewParams) (anthropic.Message, error)) (reply, error) {
	for {
		message, err := get(params)
		found := claudeReply(message)
		if err != nil || asked.result == "" || len(found.calls) == 0 {
			return found, err
		}
		results := []anthropic.ContentBlockParamUnion{}
		for _, call := range found.calls {
			results = append(results, anthropic.NewToolResultBlock(call.id, asked.result, false))
		}
		params.Messages = append(params.Messages, message.ToParam(), anthropic.NewUserMessage(results...))
	}
}

func (c claude) message(ctx context.Context, params anthropic.MessageNewParams, streamed bool) (anthropic.Message, error) {
	if !streamed {
		message, err := c.client.Messages.New(ctx, params)
		if err != nil {
			return anthropic.Message{}, err
		}
		return *message, nil
	}
	stream := c.client.Messages.NewStreaming(ctx, params)
	defer stream.Close()
	message := anthropic.Message{}
	for stream.Next() {
		if err := message.Accumulate(stream.Current()); err != nil {
			return message, err
		}
	}
	return message, stream.Err()
}

func claudeReply(message anthropic.Message) reply {
	tokens := message.Usage
	found := reply{id: message.ID, model: message.Model, stop: string(message.StopReason), usage: usage{
		tokens.InputTokens + tokens.CacheReadInputTokens + tokens.CacheCreationInputTokens, tokens.OutputTokens,
		tokens.OutputTokensDetails.ThinkingTokens, tokens.CacheReadInputTokens}}
	for _, block := range message.Content {
		found.text += block.Text
		found.reasoning += block.Thinking
		if block.Type == "tool_use" {
			found.calls = append(found.calls, call{block.ID, block.Name, parsed(string(block.Input))})
		}
	}
	return found
}

func TestAnAccumulatedMessageHasTheJsonOfTheWholeOne(t *testing.T) {
	client := claude{claudeClient(spot{url: plain}, direct), "claude-sonnet-4-5"}
	for _, content := range contents {
		t.Run(content.name, func(t *testing.T) {
			params := claudeParams(client.model, question{user: content.name})
			whole := must[anthropic.Message](t)(client.message(t.Context(), params, false))
			streamed := must[anthropic.Message](t)(client.message(t.Context(), params, true))
			equal(t, parsed(streamed.RawJSON()), parsed(whole.RawJSON()))
		})
	}
}

func TestThinkingIsSignedWholeAndStreamed(t *testing.T) {
	client := claude{claudeClient(spot{url: plain}, direct), "claude-sonnet-4-5"}
	wholeAndStreamed(t, func(t *testing.T, stream bool) {
		message := must[anthropic.Message](t)(client.message(t.Context(),
			claudeParams(client.model, question{user: "reasoning before text before two tool calls"}), stream))
		kinds, signature := []string{}, ""
		for _, block := range message.Content {
			kinds, signature = append(kinds, block.Type), signature+block.Signature
		}
		equal(t, kinds, []string{"thinking", "text", "tool_use", "tool_use"})
		equal(t, signature != "", true)
	})
}

func TestAnthropicTellsTheStoryOfAStreamInOrder(t *testing.T) {
	client := claudeClient(spot{url: plain}, direct)
	stream := client.Messages.NewStreaming(t.Context(), claudeParams("claude-sonnet-4-5", question{user: "call"}))
	defer stream.Close()
	story := []string{}
	for stream.Next() {
		if event := stream.Current().Type; len(story) == 0 || story[len(story)-1] != event {
			story = append(story, event)
		}
	}
	equal(t, stream.Err(), nil)
	block := []string{"content_block_start", "content_block_delta", "content_block_stop"}
	equal(t, story, slices.Concat([]string{"message_start"}, block, block, block, []string{"message_delta", "message_stop"}))
}

func TestBetaMessagesParseAStructuredAnswer(t *testing.T) {
	client := claudeClient(spot{url: plain}, direct)
	var got weather
	params := anthropic.BetaMessageNewParams{Model: "claude-sonnet-4-5", MaxTokens: 1024,
		Messages:     []anthropic.BetaMessageParam{anthropic.NewBetaUserMessage(anthropic.NewBetaTextBlock("structure"))},
		OutputConfig: anthropic.BetaOutputConfigParam{Format: anthropic.BetaJSONOutputFormatParam{Schema: &got}}}
	must[*anthropic.BetaMessage](t)(client.Beta.Messages.New(t.Context(), params))
	equal(t, got, weather{"Oslo", 12})
	params.Messages[0].OfUser.Content[0].OfText.Text = "text"
	_, err := client.Beta.Messages.New(t.Context(), params)
	equal(t, errors.Is(err, anthropic.ErrStructuredOutputParse), true)
}

func TestAnthropicCountsTheTokensThatTheMockSays(t *testing.T) {
	for name, options := range map[string]func(string) []option.RequestOption{"anthropic": direct, "vertex": onVertex} {
		t.Run(name, func(t *testing.T) {
			client := claudeClient(spot{url: plain}, options)
			counted := must[*anthropic.MessageTokensCount](t)(client.Messages.CountTokens(t.Context(), anthropic.MessageCountTokensParams{
				Model: "claude-sonnet-4-5", Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("count"))}}))
			equal(t, counted.InputTokens, 31)
		})
	}
}

func TestAnthropicModelsAreListedAndAnyCanBeRetrieved(t *testing.T) {
	client := claudeClient(spot{url: plain}, direct)
	names, models := map[string]bool{}, client.Models.ListAutoPaging(t.Context(), anthropic.ModelListParams{})
	for models.Next() {
		names[models.Current().ID] = true
	}
	equal(t, models.Err(), nil)
	equal(t, len(names) > 1, true)
	for name := range names {
		equal(t, must[*anthropic.ModelInfo](t)(client.Models.Get(t.Context(), name, anthropic.ModelGetParams{})).ID, name)
	}
}

func TestAnAnthropicErrorHasItsRequestId(t *testing.T) {
	client := claude{claudeClient(spot{url: plain}, direct), "claude-sonnet-4-5"}
	wholeAndStreamed(t, func(t *testing.T, stream bool) {
		_, err := client.ask(t.Context(), question{user: "overloaded", stream: stream})
		var own *anthropic.Error
		equal(t, errors.As(err, &own), true)
		equal(t, strings.HasPrefix(own.RequestID, "req_"), true)
		equal(t, parsed(own.RawJSON())["request_id"], any(own.RequestID))
	})
}

func TestAnthropicTakesEitherHeaderAndBedrockABearerToken(t *testing.T) {
	for name, options := range map[string][]option.RequestOption{
		"x-api-key":     {option.WithAPIKey("key")},
		"authorization": {option.WithAuthToken("token")},
		"bedrock": {bedrock.WithConfig(aws.Config{Region: "us-east-1", BearerAuthTokenProvider: bedrock.NewStaticBearerTokenProvider("token")}),
			option.WithBaseURL(guarded)}} {
		t.Run(name, func(t *testing.T) {
			client := claudeClient(spot{url: guarded}, func(url string) []option.RequestOption {
				return append([]option.RequestOption{option.WithBaseURL(url)}, options...)
			})
			equal(t, must[reply](t)(claude{client, claudeModel}.ask(t.Context(), question{user: "text"})).text, text)
		})
	}
}
