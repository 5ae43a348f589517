package compat

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// question is what a test asks, in no SDK's terms.
type question struct {
	user   string
	stream bool
	schema bool   // the answer is to be a forecast
	result string // what every call of the tool gets; without it, calls are not answered
}

// reply is what an SDK makes of an answer, whole or put together from a stream.
type reply struct {
	id, model, reasoning, text, refusal, stop string
	calls                                     []call
	usage                                     usage
}

// call is a call of a tool.
type call struct {
	id, name  string
	arguments object
}

// usage counts tokens; reasoning is a share of output, cached of input.
type usage struct{ input, output, reasoning, cached int64 }

// failure is what an SDK's own error says.
type failure struct {
	status        int
	code, message string
	header        http.Header
}

// spot says where and how a client is to connect.
type spot struct {
	url     string
	retries int
	bare    bool // without a credential
}

// asker asks through a client.  After an error in mid-stream the reply holds what came before it.
type asker func(context.Context, question) (reply, error)

// way is one way to reach a provider.
type way struct {
	name    string
	connect func(spot) asker
	failure func(error) (failure, bool) // false: not the SDK's own error
	stops   map[string]string           // its own finish reasons, by the neutral one; also of a refusal
	refuses bool                        // has a field for refusals
	silent  bool                        // whole answers do not name a model
	waits   bool                        // a rate limit says in a header when to try again; of ways whose errors have headers
	said    func(usage) usage           // what of a usage it can say; all if nil
	errors  map[string]failure          // its own errors, by kind; those with status 200 are answers
	broken  func(error) (failure, bool) // an error in mid-stream, where the SDK tells it otherwise
}

var ways = slices.Concat(openaiWays, genaiWays, anthropicWays, bedrockWays)

const (
	text    = "Hello — wörld, says the mock.\nTwo lines, \"quoted\"."
	counted = "one two three four five six seven eight nine ten"
)

// vectors are exact in 32 bits, so that base64 and floats are equal.
var vectors = [][]float64{{0.25, -0.5, 1}, {1, 0, -0.125}}

// weather is what a structured answer is parsed into.
type weather struct {
	City    string `json:"city"`
	Degrees int    `json:"degrees"`
}

// Schemas of the tool's arguments and of the structured answer.
var (
	place = object{"type": "object", "properties": object{"city": object{"type": "string"}},
		"required": []string{"city"}, "additionalProperties": false}
	forecast = object{"type": "object", "properties": object{"city": object{"type": "string"}, "degrees": object{"type": "integer"}},
		"required": []string{"city", "degrees"}, "additionalProperties": false}
)

var (
	oslo  = object{"name": "get_weather", "arguments": object{"city": "Oslo"}}
	rome  = object{"name": "get_weather", "arguments": object{"city": "Rome — «Roma»"}}
	spent = object{"input_tokens": 12, "output_tokens": 9, "reasoning_tokens": 4, "cached_tokens": 8}
	kinds = []string{"authentication", "permission", "not_found", "rate_limit", "overloaded", "server_error", "timeout",
		"context_length", "content_filter"}
)

// statuses are those that stand for the same kind of error everywhere; 404 stands for several things.
var statuses = map[int]string{403: "permission", 429: "rate_limit", 500: "server_error", 404: ""}

// contents are answers that every way can express; stop is the neutral finish reason.
var contents = []struct {
	name     string
	response object
	want     reply
}{
	{"text", object{"text": text}, reply{text: text, stop: "stop"}},
	{"one tool call", object{"tool_calls": []object{oslo}}, reply{calls: called("Oslo"), stop: "tool_calls"}},
	{"reasoning before text before two tool calls",
		object{"reasoning": "Let me see.", "text": text, "tool_calls": []object{oslo, rome}},
		reply{reasoning: "Let me see.", text: text, calls: called("Oslo", "Rome — «Roma»"), stop: "tool_calls"}},
	{"a tool call without arguments", object{"tool_calls": []object{{"name": "now", "arguments": object{}}}},
		reply{calls: []call{{name: "now", arguments: object{}}}, stop: "tool_calls"}},
	{"a refusal", object{"refusal": "I can't help with that."}, reply{refusal: "I can't help with that.", stop: "stop"}},
	{"an answer cut off by its length", object{"text": text, "finish_reason": "length"}, reply{text: text, stop: "length"}},
	{"an answer cut off by a filter", object{"text": text, "finish_reason": "content_filter"}, reply{text: text, stop: "content_filter"}},
	{"the usage that the mock says", object{"reasoning": "Let me see.", "text": text, "usage": spent},
		reply{reasoning: "Let me see.", text: text, stop: "stop", usage: usage{12, 9, 4, 8}}},
}

// called are calls of the tool, one a city.
func called(cities ...string) []call {
	calls := []call{}
	for _, city := range cities {
		calls = append(calls, call{name: "get_weather", arguments: object{"city": city}})
	}
	return calls
}

// mocks says what the servers answer.
func mocks() []object {
	found := []object{
		{"match": object{"user": "call", "tool_result": object{"contains": "12 degrees"}},
			"response": object{"text": "It is 12 degrees in Oslo."}},
		{"match": object{"user": "call"}, "response": object{"text": "I will look.", "tool_calls": []object{oslo, rome}}},
		{"match": object{"user": "again"}, "response": object{"text": "First you said {{body.contents.0.parts.0.text}}."}},
		{"match": object{"user": object{"regex": "number (?P<number>.+)"}}, "response": object{"text": "{{number}} it is."}},
		{"match": object{"user": "which model"}, "response": object{"text": "{{model}}"}},
		{"match": object{"user": "structure"}, "response": object{"text": object{"city": "Oslo", "degrees": 12}}},
		{"match": object{"user": "break"}, "response": object{"text": counted, "error": object{"kind": "overloaded"}, "after_events": 6}},
		{"match": object{"user": "order"}, "response": object{"error": object{"kind": "server_error", "message": "as ordered"}}},
		{"match": object{"operation": "embed", "user": "vector"}, "response": object{"embedding": vectors[0]}},
		{"match": object{"operation": "embed", "user": "one\ntwo"}, "response": object{"embedding": vectors}},
		{"match": object{"operation": "count_tokens", "user": "count"}, "response": object{"text": "", "usage": object{"input_tokens": 31}}},
		{"match": object{"user": "do not retry"}, "responses": []object{
			{"status": 500, "error": "final", "headers": object{"x-should-retry": "false"}}, {"text": "was retried"}}},
		{"match": object{"user": "squeeze"}, "response": object{"text": text, "gzip": "always"}},
	}
	found = append(found, operationMocks()...)
	for _, content := range contents {
		found = append(found, object{"match": object{"user": content.name}, "response": content.response})
	}
	for _, kind := range kinds {
		found = append(found, object{"match": object{"user": kind}, "response": object{"error": object{"kind": kind}}})
	}
	for status := range statuses {
		found = append(found, object{"match": object{"user": fmt.Sprint("status ", status)}, "response": object{"status": status}})
	}
	for _, way := range ways {
		for _, stream := range []bool{false, true} {
			found = append(found, object{"match": object{"user": flaky(way, stream)}, "responses": []object{
				{"status": 500, "headers": object{"retry-after-ms": "1"}},
				{"status": 429, "headers": object{"retry-after": "0.001"}}, {"text": "third time lucky"}}})
		}
	}
	return found
}

// flaky is the user message of a mock that only answers the third time; each mock counts for itself.
func flaky(way way, stream bool) string {
	return fmt.Sprintf("flaky, %s, stream %t", way.name, stream)
}

// parsed are the arguments of a tool call.
func parsed(text string) object {
	found := object{}
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		return object{"unreadable": text}
	}
	return found
}

// eachWay runs a test for every way, in parallel.
func eachWay(t *testing.T, test func(*testing.T, way)) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			test(t, way)
		})
	}
}

// wholeAndStreamed runs a test for a whole and for a streamed answer.
func wholeAndStreamed(t *testing.T, test func(t *testing.T, stream bool)) {
	t.Run("whole", func(t *testing.T) { test(t, false) })
	t.Run("streamed", func(t *testing.T) { test(t, true) })
}

// expected is what a way makes of a reply that is given in neutral terms.
func (w way) expected(want reply) reply {
	if want.refusal != "" {
		want.stop = "refusal"
		if !w.refuses {
			want.text, want.refusal = want.refusal, ""
		}
	}
	want.stop = w.stops[want.stop]
	if w.said != nil {
		want.usage = w.said(want.usage)
	}
	return want
}

func TestAWholeAndAStreamedAnswerSayTheSame(t *testing.T) {
	eachWay(t, func(t *testing.T, way way) {
		ask := way.connect(spot{url: plain})
		for _, content := range contents {
			t.Run(content.name, func(t *testing.T) {
				whole := must[reply](t)(ask(t.Context(), question{user: content.name}))
				streamed := must[reply](t)(ask(t.Context(), question{user: content.name, stream: true}))
				equal(t, streamed, whole)
				got, want := whole, way.expected(content.want)
				for index := range got.calls {
					got.calls[index].id = ""
				}
				if content.want.usage == (usage{}) {
					got.usage = want.usage
				}
				got.id, got.model = "", ""
				equal(t, got, want)
			})
		}
	})
}

func TestAnswersHaveIdsModelsAndUsage(t *testing.T) {
	eachWay(t, func(t *testing.T, way way) {
		ask := way.connect(spot{url: plain})
		first := must[reply](t)(ask(t.Context(), question{user: "reasoning before text before two tool calls"}))
		again := must[reply](t)(ask(t.Context(), question{user: "reasoning before text before two tool calls"}))
		equal(t, again, first)
		if !way.silent && (first.id == "" || first.model == "") {
			t.Errorf("id %q, model %q", first.id, first.model)
		}
		if first.usage.input <= 0 || first.usage.output <= 0 {
			t.Errorf("usage %+v", first.usage)
		}
		equal(t, len(first.calls), 2)
		if len(first.calls) == 2 && first.calls[0].id == first.calls[1].id && first.calls[0].id != "" {
			t.Errorf("both calls have the id %q", first.calls[0].id)
		}
	})
}

func TestAToolResultLeadsToTheNextAnswer(t *testing.T) {
	eachWay(t, func(t *testing.T, way way) {
		ask := way.connect(spot{url: plain})
		wholeAndStreamed(t, func(t *testing.T, stream bool) {
			first := must[reply](t)(ask(t.Context(), question{user: "call", stream: stream}))
			last := must[reply](t)(ask(t.Context(), question{user: "call", stream: stream, result: "12 degrees"}))
			equal(t, len(first.calls), 2)
			equal(t, last.text, "It is 12 degrees in Oslo.")
			equal(t, last.stop, way.stops["stop"])
		})
	})
}

func TestAStructuredAnswerFitsItsSchema(t *testing.T) {
	eachWay(t, func(t *testing.T, way way) {
		ask := way.connect(spot{url: plain})
		wholeAndStreamed(t, func(t *testing.T, stream bool) {
			var got weather
			found := must[reply](t)(ask(t.Context(), question{user: "structure", stream: stream, schema: true}))
			if err := json.Unmarshal([]byte(found.text), &got); err != nil {
				t.Fatal(err)
			}
			equal(t, got, weather{"Oslo", 12})
		})
	})
}

func TestAnErrorIsTheSdksOwn(t *testing.T) {
	eachWay(t, func(t *testing.T, way way) {
		ask := way.connect(spot{url: plain})
		for _, kind := range kinds {
			want, known := way.errors[kind]
			if !known {
				t.Errorf("nothing is expected of %q", kind)
			}
			t.Run(kind, func(t *testing.T) {
				wholeAndStreamed(t, func(t *testing.T, stream bool) {
					found, err := ask(t.Context(), question{user: kind, stream: stream})
					if want.status == http.StatusOK {
						equal(t, err, nil)
						equal(t, found.stop, way.stops[kind])
						return
					}
					got, own := way.failure(err)
					if !own {
						t.Fatalf("%T: %v", err, err)
					}
					equal(t, failure{status: got.status, code: got.code}, failure{status: want.status, code: want.code})
					if !strings.Contains(got.message, want.message) || got.message == "" {
						t.Errorf("the message is %q, without %q", got.message, want.message)
					}
				})
			})
		}
	})
}

func TestAnErrorSaysWhatTheMockSays(t *testing.T) {
	eachWay(t, func(t *testing.T, way way) {
		ask := way.connect(spot{url: plain})
		_, err := ask(t.Context(), question{user: "order"})
		got, _ := way.failure(err)
		equal(t, failure{status: got.status, message: got.message}, failure{status: 500, message: "as ordered"})
	})
}

func TestABareStatusIsTheErrorOfItsKind(t *testing.T) {
	eachWay(t, func(t *testing.T, way way) {
		ask := way.connect(spot{url: plain})
		for status, kind := range statuses {
			_, err := ask(t.Context(), question{user: fmt.Sprint("status ", status)})
			got, _ := way.failure(err)
			equal(t, got.status, status)
			if kind != "" {
				equal(t, got.code, way.errors[kind].code)
			}
		}
	})
}

func TestARateLimitSaysWhenToTryAgain(t *testing.T) {
	eachWay(t, func(t *testing.T, way way) {
		_, err := way.connect(spot{url: plain})(t.Context(), question{user: "rate_limit"})
		if got, _ := way.failure(err); got.header != nil {
			seconds, err := strconv.Atoi(got.header.Get("Retry-After"))
			equal(t, err == nil && seconds > 0, way.waits)
		}
	})
}

func TestManyQuestionsAtOnceAllGetTheirAnswers(t *testing.T) {
	eachWay(t, func(t *testing.T, way way) {
		errs := make(chan error)
		for number := range 20 {
			// A client each: all streams of one client for Bedrock decode into the same buffer (smithy-go 1.28.8).
			ask := way.connect(spot{url: plain})
			go func() {
				found, err := ask(t.Context(), question{user: fmt.Sprint("number ", number), stream: number%2 == 0})
				if err == nil && found.text != fmt.Sprint(number, " it is.") {
					err = fmt.Errorf("%d got %q", number, found.text)
				}
				errs <- err
			}()
		}
		for range 20 {
			equal(t, <-errs, nil)
		}
	})
}

func TestAMissIsNotFoundAndSaysWhy(t *testing.T) {
	eachWay(t, func(t *testing.T, way way) {
		ask := way.connect(spot{url: plain})
		wholeAndStreamed(t, func(t *testing.T, stream bool) {
			_, err := ask(t.Context(), question{user: "cal", stream: stream})
			got, _ := way.failure(err)
			equal(t, got.status, http.StatusNotFound)
			if !strings.Contains(got.message, `user is "cal", expected "call"`) {
				t.Errorf("the message is %q", got.message)
			}
		})
	})
}

func TestAnErrorInMidStreamComesAfterWhatWasSaid(t *testing.T) {
	eachWay(t, func(t *testing.T, way way) {
		ask := way.connect(spot{url: plain})
		found, err := ask(t.Context(), question{user: "break", stream: true})
		told := way.failure
		if way.broken != nil {
			told = way.broken
		}
		got, own := told(err)
		if !own {
			t.Fatalf("%T: %v", err, err)
		}
		if !strings.HasPrefix(counted, found.text) || found.text == "" || found.text == counted {
			t.Errorf("before the error came %q", found.text)
		}
		if !strings.Contains(got.message, way.errors["overloaded"].message) || got.message == "" {
			t.Errorf("the message is %q", got.message)
		}
		_, err = ask(t.Context(), question{user: "break"})
		whole, _ := way.failure(err)
		equal(t, whole.status, way.errors["overloaded"].status)
	})
}

func TestTheSdkRetriesUntilTheThirdAnswer(t *testing.T) {
	eachWay(t, func(t *testing.T, way way) {
		wholeAndStreamed(t, func(t *testing.T, stream bool) {
			found := must[reply](t)(way.connect(spot{url: plain, retries: 2})(t.Context(), question{user: flaky(way, stream), stream: stream}))
			equal(t, found.text, "third time lucky")
		})
	})
}

func TestWithoutACredentialAuthenticationFails(t *testing.T) {
	eachWay(t, func(t *testing.T, way way) {
		equal(t, must[reply](t)(way.connect(spot{url: guarded})(t.Context(), question{user: "text"})).text, text)
		wholeAndStreamed(t, func(t *testing.T, stream bool) {
			_, err := way.connect(spot{url: guarded, bare: true})(t.Context(), question{user: "text", stream: stream})
			got, own := way.failure(err)
			if !own {
				t.Fatalf("%T: %v", err, err)
			}
			equal(t, failure{status: got.status, code: got.code, message: ""}, way.errors["no key"])
		})
	})
}
