package compat

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"cloud.google.com/go/auth"
	"google.golang.org/genai"
)

var (
	geminiStops = map[string]string{"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP",
		"content_filter": "SAFETY", "refusal": "SAFETY"}
	geminiErrors = map[string]failure{
		"no key":         {status: 403, code: "PERMISSION_DENIED"},
		"authentication": {status: 400, code: "INVALID_ARGUMENT", message: "API key not valid"},
		"permission":     {status: 403, code: "PERMISSION_DENIED"},
		"not_found":      {status: 404, code: "NOT_FOUND", message: "models/gemini-2.5-flash is not found for API version v1beta"},
		"rate_limit":     {status: 429, code: "RESOURCE_EXHAUSTED", message: "You exceeded your current quota"},
		"overloaded":     {status: 503, code: "UNAVAILABLE", message: "overloaded"},
		"server_error":   {status: 500, code: "INTERNAL", message: "An internal error has occurred"},
		"timeout":        {status: 504, code: "DEADLINE_EXCEEDED"},
		"context_length": {status: 400, code: "INVALID_ARGUMENT", message: "exceeds the maximum number of tokens allowed"},
		"content_filter": {status: 200}}
	vertexErrors = with(geminiErrors, map[string]failure{
		"no key":         {status: 401, code: "UNAUTHENTICATED"},
		"authentication": {status: 401, code: "UNAUTHENTICATED", message: "invalid authentication credentials"},
		"not_found": {status: 404, code: "NOT_FOUND",
			message: "Publisher Model `projects/my-project/locations/us-central1/publishers/google/models/gemini-2.5-flash`"},
		"rate_limit": {status: 429, code: "RESOURCE_EXHAUSTED", message: "Resource exhausted"}})
	expressErrors = with(vertexErrors, map[string]failure{
		"not_found": {status: 404, code: "NOT_FOUND", message: "Publisher Model `publishers/google/models/gemini-2.5-flash`"}})
)

var genaiWays = []way{
	genaiWay("genai at gemini", genai.ClientConfig{Backend: genai.BackendGeminiAPI, APIKey: "key"}, geminiErrors),
	genaiWay("genai at vertex", genai.ClientConfig{Backend: genai.BackendVertexAI, Project: "my-project", Location: "us-central1"},
		vertexErrors),
	genaiWay("genai at vertex in express mode", genai.ClientConfig{Backend: genai.BackendVertexAI, APIKey: "key"}, expressErrors),
}

// bearer is an OAuth token that never expires.
type bearer string

func (b bearer) Token(context.Context) (*auth.Token, error) {
	return &auth.Token{Value: string(b), Type: "Bearer"}, nil
}

func genaiWay(name string, config genai.ClientConfig, errors map[string]failure) way {
	return way{name: name, stops: geminiStops, errors: errors, failure: genaiFailure,
		connect: func(spot spot) asker { return gemini{connect(config, spot)}.ask }}
}

// connect is a client; a project makes it one with an OAuth token.
func connect(config genai.ClientConfig, spot spot) *genai.Client {
	config.HTTPOptions = genai.HTTPOptions{BaseURL: spot.url, RetryOptions: &genai.HTTPRetryOptions{
		Attempts: genai.Ptr(int32(spot.retries + 1)), InitialDelay: genai.Ptr(0.001), Jitter: genai.Ptr(0.0)}}
	if spot.bare {
		config.HTTPClient = &http.Client{Transport: bare{}}
	} else if config.Project != "" {
		config.Credentials = auth.NewCredentials(&auth.CredentialsOptions{TokenProvider: bearer("token")})
	}
	client, err := genai.NewClient(context.Background(), &config)
	if err != nil {
		panic(err)
	}
	return client
}

func genaiFailure(err error) (failure, bool) {
	var own genai.APIError
	if !errors.As(err, &own) {
		return failure{}, false
	}
	return failure{status: own.Code, code: own.Status, message: own.Message}, true
}

// gemini asks for content.
type gemini struct{ client *genai.Client }

func (g gemini) ask(ctx context.Context, asked question) (reply, error) {
	contents := genai.Text(asked.user)
	config := &genai.GenerateContentConfig{ThinkingConfig: &genai.ThinkingConfig{IncludeThoughts: true}, Tools: []*genai.Tool{
		{FunctionDeclarations: []*genai.FunctionDeclaration{{Name: "get_weather", ParametersJsonSchema: place}}}}}
	if asked.schema {
		config.Tools, config.ResponseMIMEType, config.ResponseJsonSchema = nil, "application/json", forecast
	}
	for {
		chunks, err := g.generate(ctx, contents, config, asked.stream)
		found, parts := geminiReply(chunks)
		if err != nil || asked.result == "" || len(found.calls) == 0 {
			return found, err
		}
		results := []*genai.Part{}
		for _, call := range found.calls {
			result := genai.NewPartFromFunctionResponse(call.name, object{"output": asked.result})
			result.FunctionResponse.ID = call.id
			results = append(results, result)
		}
		contents = append(contents, genai.NewContentFromParts(parts, genai.RoleModel), genai.NewContentFromParts(results, genai.RoleUser))
	}
}

// generate gets the chunks of a stream, or a whole answer as the only one.
func (g gemini) generate(ctx context.Context, contents []*genai.Content, config *genai.GenerateContentConfig,
	streamed bool) ([]*genai.GenerateContentResponse, error) {
	if !streamed {
		response, err := g.client.Models.GenerateContent(ctx, "gemini-2.5-flash", contents, config)
		if err != nil {
			return nil, err
		}
		return []*genai.GenerateContentResponse{response}, nil
	}
	chunks := []*genai.GenerateContentResponse{}
	for chunk, err := range g.client.Models.GenerateContentStream(ctx, "gemini-2.5-flash", contents, config) {
		if err != nil {
			return chunks, err
		}
		chunks = append(chunks, chunk)
	}
	return chunks, nil
}

// geminiReply reads chunks, and the parts of all of them.
func geminiReply(chunks []*genai.GenerateContentResponse) (reply, []*genai.Part) {
	found, parts := reply{}, []*genai.Part{}
	for _, chunk := range chunks {
		found.id, found.model = chunk.ResponseID, chunk.ModelVersion
		if chunk.PromptFeedback != nil {
			found.stop = string(chunk.PromptFeedback.BlockReason)
		}
		if tokens := chunk.UsageMetadata; tokens != nil {
			found.usage = usage{int64(tokens.PromptTokenCount), int64(tokens.CandidatesTokenCount + tokens.ThoughtsTokenCount),
				int64(tokens.ThoughtsTokenCount), int64(tokens.CachedContentTokenCount)}
		}
		for _, made := range chunk.FunctionCalls() {
			found.calls = append(found.calls, call{made.ID, made.Name, arguments(made.Args)})
		}
		for _, candidate := range chunk.Candidates {
			found.stop += string(candidate.FinishReason)
			if candidate.Content == nil {
				continue
			}
			for _, part := range candidate.Content.Parts {
				if part.Thought {
					found.reasoning += part.Text
				} else {
					found.text += part.Text
				}
				parts = append(parts, part)
			}
		}
	}
	return found, parts
}

// arguments are those of a call, empty if there are none.
func arguments(found object) object {
	if found == nil {
		return object{}
	}
	return found
}

// eachGenai runs a test for every backend, in parallel.
func eachGenai(t *testing.T, test func(*testing.T, *genai.Client)) {
	for name, config := range map[string]genai.ClientConfig{"gemini": {Backend: genai.BackendGeminiAPI, APIKey: "key"},
		"vertex express": {Backend: genai.BackendVertexAI, APIKey: "key"},
		"vertex":         {Backend: genai.BackendVertexAI, Project: "my-project", Location: "us-central1"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, connect(config, spot{url: plain}))
		})
	}
}

func TestGenaiEmbedsEachContent(t *testing.T) {
	eachGenai(t, func(t *testing.T, client *genai.Client) {
		contents := []*genai.Content{genai.NewContentFromText("one", genai.RoleUser), genai.NewContentFromText("two", genai.RoleUser)}
		for model, asked := range map[string][]*genai.Content{"gemini-embedding-001": contents, "text-embedding-005": contents,
			"gemini-embedding-2": genai.Text("vector")} {
			t.Run(model, func(t *testing.T) {
				answer := must[*genai.EmbedContentResponse](t)(client.Models.EmbedContent(t.Context(), model, asked, nil))
				equal(t, len(answer.Embeddings), len(asked))
				for index, embedding := range answer.Embeddings {
					for at, value := range embedding.Values {
						equal(t, float64(value), vectors[index][at])
					}
					equal(t, len(embedding.Values), 3)
				}
			})
		}
	})
}

func TestGenaiCountsTheTokensThatTheMockSays(t *testing.T) {
	eachGenai(t, func(t *testing.T, client *genai.Client) {
		counted := must[*genai.CountTokensResponse](t)(client.Models.CountTokens(t.Context(), "gemini-2.5-flash", genai.Text("count"), nil))
		equal(t, counted.TotalTokens, 31)
	})
}

func TestGenaiModelsAreListedToTheLastPage(t *testing.T) {
	eachGenai(t, func(t *testing.T, client *genai.Client) {
		names := map[string]bool{}
		for model, err := range client.Models.All(t.Context()) {
			names[must[*genai.Model](t)(model, err).Name] = true
		}
		equal(t, names["models/gemini-2.5-flash"] || names["publishers/google/models/gemini-2.5-flash"], true)
	})
}

func TestAGenaiChatRemembersWhatWasSaid(t *testing.T) {
	eachGenai(t, func(t *testing.T, client *genai.Client) {
		chat := must[*genai.Chat](t)(client.Chats.Create(t.Context(), "gemini-2.5-flash", nil, nil))
		equal(t, must[*genai.GenerateContentResponse](t)(chat.SendMessage(t.Context(), genai.Part{Text: "text"})).Text(), text)
		said := ""
		for chunk, err := range chat.SendMessageStream(t.Context(), genai.Part{Text: "again"}) {
			said += must[*genai.GenerateContentResponse](t)(chunk, err).Text()
		}
		equal(t, said, "First you said text.")
		equal(t, must[*genai.GenerateContentResponse](t)(chat.SendMessage(t.Context(), genai.Part{Text: "again"})).Text(), said)
	})
}

func TestAGoogleQuotaErrorSaysWhenToTryAgain(t *testing.T) {
	_, err := gemini{connect(genai.ClientConfig{Backend: genai.BackendGeminiAPI, APIKey: "key"}, spot{url: plain})}.ask(
		t.Context(), question{user: "rate_limit"})
	var own genai.APIError
	equal(t, errors.As(err, &own), true)
	details := map[any]object{}
	for _, detail := range own.Details {
		details[detail["@type"]] = detail
	}
	equal(t, details["type.googleapis.com/google.rpc.RetryInfo"]["retryDelay"] != nil, true)
	equal(t, details["type.googleapis.com/google.rpc.QuotaFailure"]["violations"] != nil, true)
}
