package compat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"testing"
	"time"

	"github.com/anthropics/anthropic-sdk-go/v2"
	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/document"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/aws/smithy-go"
)

const claudeModel = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"

var (
	converseStops = map[string]string{"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use",
		"content_filter": "content_filtered", "refusal": "content_filtered"}
	bedrockErrors = map[string]failure{
		"no key":         {status: 403, code: "MissingAuthenticationTokenException"},
		"authentication": {status: 403, code: "UnrecognizedClientException", message: "The security token included in the request is invalid."},
		"permission":     {status: 403, code: "AccessDeniedException", message: "You don't have access to the model"},
		"not_found":      {status: 400, code: "ValidationException", message: "The provided model identifier is invalid."},
		"rate_limit":     {status: 429, code: "ThrottlingException", message: "Too many requests"},
		"overloaded":     {status: 503, code: "ServiceUnavailableException"},
		"server_error":   {status: 500, code: "InternalServerException"},
		"timeout":        {status: 408, code: "ModelTimeoutException"},
		"context_length": {status: 400, code: "ValidationException", message: "Input is too long for requested model."},
		"content_filter": {status: 200}}
	// The exceptions that the SDK has a type for.
	exceptions = map[string]error{"permission": &types.AccessDeniedException{}, "not_found": &types.ValidationException{},
		"status 404": &types.ResourceNotFoundException{},
		"rate_limit": &types.ThrottlingException{}, "overloaded": &types.ServiceUnavailableException{},
		"server_error": &types.InternalServerException{}, "timeout": &types.ModelTimeoutException{},
		"context_length": &types.ValidationException{}}
)

var awsCredentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}, nil
})

var bedrockWays = []way{
	{name: "bedrock converse", stops: converseStops, errors: bedrockErrors, failure: bedrockFailure, silent: true,
		said:    func(said usage) usage { return usage{said.input, said.output, 0, said.cached} }, // it has no count of reasoning
		connect: func(spot spot) asker { return converser{bedrockClient(spot)}.ask }},
	{name: "bedrock invoke", stops: claudeStops, errors: bedrockErrors, failure: bedrockFailure,
		connect: func(spot spot) asker { return invoker{bedrockClient(spot)}.ask }},
}

// bedrockClient is a client that does not wait long before it tries again.
func bedrockClient(spot spot) *bedrockruntime.Client {
	return bedrockruntime.New(bedrockruntime.Options{Region: "us-east-1", BaseEndpoint: &spot.url, Credentials: awsCredentials,
		HTTPClient: &http.Client{Transport: gathering{spot.bare}},
		Retryer: retry.NewStandard(func(options *retry.StandardOptions) {
			options.MaxAttempts, options.MaxBackoff = spot.retries+1, time.Millisecond
		})})
}

// gathering is a transport that has the whole request before it sends it.  The SDK closes the body of a request as soon as there
// is an answer; when that is sooner than net/http has looked for the body's end, which it does after all of it is sent unless
// it knows that the body is in memory, net/http takes the end for an error and closes the connection under the answer.
type gathering struct{ bare bool }

func (g gathering) RoundTrip(request *http.Request) (*http.Response, error) {
	defer request.Body.Close()
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	request = request.Clone(request.Context())
	request.Body = io.NopCloser(bytes.NewReader(body))
	if g.bare {
		return bare{}.RoundTrip(request)
	}
	return http.DefaultTransport.RoundTrip(request)
}

func bedrockFailure(err error) (failure, bool) {
	var own smithy.APIError
	if !errors.As(err, &own) {
		return failure{}, false
	}
	found := failure{code: own.ErrorCode(), message: own.ErrorMessage()}
	var answer *awshttp.ResponseError
	if errors.As(err, &answer) {
		found.status, found.header = answer.HTTPStatusCode(), answer.HTTPResponse().Header
	}
	return found, true
}

// converser asks for conversations.
type converser struct{ client *bedrockruntime.Client }

func (c converser) ask(ctx context.Context, asked question) (reply, error) {
	params := bedrockruntime.ConverseInput{ModelId: aws.String(claudeModel), Messages: []types.Message{said(asked.user)},
		ToolConfig: &types.ToolConfiguration{Tools: []types.Tool{&types.ToolMemberToolSpec{Value: types.ToolSpecification{
			Name: aws.String("get_weather"), InputSchema: &types.ToolInputSchemaMemberJson{Value: document.NewLazyDocument(place)}}}}}}
	if asked.schema {
		schema, _ := json.Marshal(forecast)
		params.OutputConfig = &types.OutputConfig{TextFormat: &types.OutputFormat{Type: types.OutputFormatTypeJsonSchema,
			Structure: &types.OutputFormatStructureMemberJsonSchema{Value: types.JsonSchemaDefinition{Schema: aws.String(string(schema))}}}}
	}
	for {
		blocks, found, err := c.converse(ctx, params, asked.stream)
		if err != nil || asked.result == "" || len(found.calls) == 0 {
			return found, err
		}
		results := types.Message{Role: types.ConversationRoleUser}
		for _, call := range found.calls {
			results.Content = append(results.Content, &types.ContentBlockMemberToolResult{Value: types.ToolResultBlock{
				ToolUseId: aws.String(call.id), Content: []types.ToolResultContentBlock{&types.ToolResultContentBlockMemberText{Value: asked.result}}}})
		}
		params.Messages = append(params.Messages, sent(blocks), results)
	}
}

// said is a message of the user.
func said(text string) types.Message {
	return types.Message{Role: types.ConversationRoleUser, Content: []types.ContentBlock{&types.ContentBlockMemberText{Value: text}}}
}

// block is a block of a message, whole or put together from a stream; input is JSON text.
type block struct{ text, reasoning, signature, id, name, input string }

// sent is an answer as it goes back into the conversation.
func sent(blocks []block) types.Message {
	message := types.Message{Role: types.ConversationRoleAssistant}
	for _, block := range blocks {
		switch {
		case block.id != "":
			message.Content = append(message.Content, &types.ContentBlockMemberToolUse{Value: types.ToolUseBlock{
				ToolUseId: aws.String(block.id), Name: aws.String(block.name), Input: document.NewLazyDocument(parsed(block.input))}})
		case block.reasoning != "":
			message.Content = append(message.Content, &types.ContentBlockMemberReasoningContent{
				Value: &types.ReasoningContentBlockMemberReasoningText{Value: types.ReasoningTextBlock{
					Text: aws.String(block.reasoning), Signature: aws.String(block.signature)}}})
		default:
			message.Content = append(message.Content, &types.ContentBlockMemberText{Value: block.text})
		}
	}
	return message
}

// converse gets the blocks of an answer, and what they say.
func (c converser) converse(ctx context.Context, params bedrockruntime.ConverseInput, streamed bool) ([]block, reply, error) {
	var blocks []block
	var found reply
	var err error
	if streamed {
		blocks, found, err = c.stream(ctx, bedrockruntime.ConverseStreamInput{ModelId: params.ModelId, Messages: params.Messages,
			ToolConfig: params.ToolConfig, OutputConfig: params.OutputConfig})
	} else {
		blocks, found, err = c.whole(ctx, params)
	}
	for _, block := range blocks {
		found.text += block.text
		found.reasoning += block.reasoning
		if block.id != "" {
			found.calls = append(found.calls, call{block.id, block.name, parsed(block.input)})
		}
	}
	return blocks, found, err
}

// whole is a whole answer: its blocks, stop and usage.
func (c converser) whole(ctx context.Context, params bedrockruntime.ConverseInput) ([]block, reply, error) {
	answer, err := c.client.Converse(ctx, &params)
	if err != nil {
		return nil, reply{}, err
	}
	blocks := []block{}
	for _, content := range answer.Output.(*types.ConverseOutputMemberMessage).Value.Content {
		switch content := content.(type) {
		case *types.ContentBlockMemberText:
			blocks = append(blocks, block{text: content.Value})
		case *types.ContentBlockMemberReasoningContent:
			thought := content.Value.(*types.ReasoningContentBlockMemberReasoningText).Value
			blocks = append(blocks, block{reasoning: aws.ToString(thought.Text), signature: aws.ToString(thought.Signature)})
		case *types.ContentBlockMemberToolUse:
			input, err := content.Value.Input.MarshalSmithyDocument()
			if err != nil {
				return nil, reply{}, err
			}
			blocks = append(blocks, block{id: aws.ToString(content.Value.ToolUseId), name: aws.ToString(content.Value.Name), input: string(input)})
		}
	}
	return blocks, reply{stop: string(answer.StopReason), usage: converseUsage(answer.Usage)}, nil
}

// stream is a streamed answer.
func (c converser) stream(ctx context.Context, params bedrockruntime.ConverseStreamInput) ([]block, reply, error) {
	answer, err := c.client.ConverseStream(ctx, &params)
	if err != nil {
		return nil, reply{}, err
	}
	events := answer.GetStream()
	defer events.Close()
	blocks, found := []block{}, reply{}
	for event := range events.Events() {
		switch event := event.(type) {
		case *types.ConverseStreamOutputMemberContentBlockStart:
			begun := event.Value.Start.(*types.ContentBlockStartMemberToolUse).Value
			blocks = append(blocks, block{id: aws.ToString(begun.ToolUseId), name: aws.ToString(begun.Name)})
		case *types.ConverseStreamOutputMemberContentBlockDelta:
			index := int(aws.ToInt32(event.Value.ContentBlockIndex))
			if index == len(blocks) { // only tools have a start of their own
				blocks = append(blocks, block{})
			}
			if index != len(blocks)-1 {
				return blocks, found, fmt.Errorf("a delta of block %d while block %d is open", index, len(blocks)-1)
			}
			blocks[index].add(event.Value.Delta)
		case *types.ConverseStreamOutputMemberMessageStop:
			found.stop = string(event.Value.StopReason)
		case *types.ConverseStreamOutputMemberMetadata:
			found.usage = converseUsage(event.Value.Usage)
		}
	}
	return blocks, found, events.Err()
}

// add adds a piece.
func (b *block) add(delta types.ContentBlockDelta) {
	switch delta := delta.(type) {
	case *types.ContentBlockDeltaMemberText:
		b.text += delta.Value
	case *types.ContentBlockDeltaMemberToolUse:
		b.input += aws.ToString(delta.Value.Input)
	case *types.ContentBlockDeltaMemberReasoningContent:
		switch thought := delta.Value.(type) {
		case *types.ReasoningContentBlockDeltaMemberText:
			b.reasoning += thought.Value
		case *types.ReasoningContentBlockDeltaMemberSignature:
			b.signature += thought.Value
		}
	}
}

// converseUsage counts what was read from the cache as input, which Amazon does not.
func converseUsage(tokens *types.TokenUsage) usage {
	count := func(tokens *int32) int64 { return int64(aws.ToInt32(tokens)) }
	read := count(tokens.CacheReadInputTokens)
	return usage{count(tokens.InputTokens) + read + count(tokens.CacheWriteInputTokens), count(tokens.OutputTokens), 0, read}
}

// invoker invokes Claude, in Anthropic's own form.
type invoker struct{ client *bedrockruntime.Client }

func (i invoker) ask(ctx context.Context, asked question) (reply, error) {
	return claudeTalk(claudeParams("", asked), asked, func(params anthropic.MessageNewParams) (anthropic.Message, error) {
		message := anthropic.Message{}
		text, err := json.Marshal(params)
		if err != nil {
			return message, err
		}
		body := parsed(string(text))
		delete(body, "model")
		body["anthropic_version"] = "bedrock-2023-05-31"
		if text, err = json.Marshal(body); err != nil {
			return message, err
		}
		if asked.stream {
			return i.stream(ctx, text)
		}
		answer, err := i.client.InvokeModel(ctx, &bedrockruntime.InvokeModelInput{ModelId: aws.String(claudeModel), Body: text})
		if err != nil {
			return message, err
		}
		return message, json.Unmarshal(answer.Body, &message)
	})
}

// stream puts a message together from the chunks of a stream.
func (i invoker) stream(ctx context.Context, body []byte) (anthropic.Message, error) {
	message := anthropic.Message{}
	answer, err := i.client.InvokeModelWithResponseStream(ctx, &bedrockruntime.InvokeModelWithResponseStreamInput{
		ModelId: aws.String(claudeModel), Body: body})
	if err != nil {
		return message, err
	}
	events := answer.GetStream()
	defer events.Close()
	for event := range events.Events() {
		var told anthropic.MessageStreamEventUnion
		if err := json.Unmarshal(event.(*types.ResponseStreamMemberChunk).Value.Bytes, &told); err != nil {
			return message, err
		}
		if err := message.Accumulate(told); err != nil {
			return message, err
		}
	}
	return message, events.Err()
}

func TestABedrockErrorIsTheExceptionThatTheSdkHasATypeFor(t *testing.T) {
	for _, way := range bedrockWays {
		ask := way.connect(spot{url: plain})
		for kind, want := range exceptions {
			t.Run(way.name+", "+kind, func(t *testing.T) {
				wholeAndStreamed(t, func(t *testing.T, stream bool) {
					_, err := ask(t.Context(), question{user: kind, stream: stream})
					equal(t, isA(err, want), true)
				})
			})
		}
	}
}

// isA tells whether an error is of the same type as another, or wraps one that is.
func isA(err, want error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if reflect.TypeOf(err) == reflect.TypeOf(want) {
			return true
		}
	}
	return false
}

func TestConverseCountsTheTokensThatTheMockSays(t *testing.T) {
	client := bedrockClient(spot{url: plain})
	answer := must[*bedrockruntime.CountTokensOutput](t)(client.CountTokens(t.Context(), &bedrockruntime.CountTokensInput{
		ModelId: aws.String(claudeModel), Input: &types.CountTokensInputMemberConverse{
			Value: types.ConverseTokensRequest{Messages: []types.Message{said("count")}}}}))
	equal(t, aws.ToInt32(answer.InputTokens), 31)
}

func TestABedrockModelMayBeAProfileOrAnArn(t *testing.T) {
	client := bedrockClient(spot{url: plain})
	for _, model := range []string{claudeModel, "arn:aws:bedrock:us-east-1:123456789012:inference-profile/" + claudeModel} {
		t.Run(model, func(t *testing.T) {
			_, found, err := converser{client}.converse(t.Context(), bedrockruntime.ConverseInput{
				ModelId: aws.String(model), Messages: []types.Message{said("which model")}}, false)
			equal(t, err, nil)
			equal(t, found.text, model)
		})
	}
}

func TestABedrockAnswerHasItsRequestId(t *testing.T) {
	client := bedrockClient(spot{url: plain})
	for user, want := range map[string]bool{"text": true, "overloaded": false} {
		t.Run(user, func(t *testing.T) {
			answer, err := client.Converse(t.Context(), &bedrockruntime.ConverseInput{
				ModelId: aws.String(claudeModel), Messages: []types.Message{said(user)}})
			equal(t, err == nil, want)
			var failed *awshttp.ResponseError
			if errors.As(err, &failed) {
				equal(t, failed.ServiceRequestID() != "", true)
			} else {
				id, _ := awsmiddleware.GetRequestIDMetadata(answer.ResultMetadata)
				equal(t, id != "", true)
			}
		})
	}
}

func TestInvokeEmbedsInTheFormOfEachVendor(t *testing.T) {
	client := bedrockClient(spot{url: plain})
	for model, body := range map[string]object{"amazon.titan-embed-text-v2:0": {"inputText": "vector"},
		"cohere.embed-english-v3": {"texts": []string{"one", "two"}, "input_type": "search_document"}} {
		t.Run(model, func(t *testing.T) {
			text := must[[]byte](t)(json.Marshal(body))
			answer := must[*bedrockruntime.InvokeModelOutput](t)(client.InvokeModel(t.Context(), &bedrockruntime.InvokeModelInput{
				ModelId: aws.String(model), Body: text}))
			equal(t, *answer.ContentType, "application/json")
			var got struct {
				Embedding  []float64
				Embeddings [][]float64
			}
			equal(t, json.Unmarshal(answer.Body, &got), nil)
			if got.Embedding != nil { // Amazon's has one
				got.Embeddings = append(got.Embeddings, got.Embedding)
			}
			equal(t, got.Embeddings, vectors[:len(got.Embeddings)])
			equal(t, len(got.Embeddings) > 0, true)
		})
	}
}
