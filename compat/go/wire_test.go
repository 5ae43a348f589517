package compat

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// wires are the paths and bodies of requests for whole and for streamed answers; USER stands for the user message.
var wires = []struct{ name, whole, stream, body, streamed string }{
	{"openai", "/v1/chat/completions", "/v1/chat/completions",
		`{"model": "m", "messages": [{"role": "user", "content": "USER"}]}`,
		`{"model": "m", "messages": [{"role": "user", "content": "USER"}], "stream": true}`},
	{"responses", "/v1/responses", "/v1/responses", `{"model": "m", "input": "USER"}`, `{"model": "m", "input": "USER", "stream": true}`},
	{"azure", "/openai/deployments/m/chat/completions?api-version=2024-10-21", "/openai/deployments/m/chat/completions?api-version=2024-10-21",
		`{"messages": [{"role": "user", "content": "USER"}]}`, `{"messages": [{"role": "user", "content": "USER"}], "stream": true}`},
	{"gemini", "/v1beta/models/m:generateContent", "/v1beta/models/m:streamGenerateContent?alt=sse", contentBody, contentBody},
	{"vertex", "/v1/projects/p/locations/l/publishers/google/models/m:generateContent",
		"/v1/projects/p/locations/l/publishers/google/models/m:streamGenerateContent?alt=sse", contentBody, contentBody},
	{"anthropic", "/v1/messages", "/v1/messages",
		`{"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "USER"}]}`,
		`{"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "USER"}], "stream": true}`},
	{"bedrock", "/model/m/converse", "/model/m/converse-stream", converseBody, converseBody},
}

const (
	contentBody  = `{"contents": [{"role": "user", "parts": [{"text": "USER"}]}]}`
	converseBody = `{"messages": [{"role": "user", "content": [{"text": "USER"}]}]}`
)

// post sends JSON with net/http alone: its answer and the body of it.
func post(t *testing.T, path, body string, headers map[string]string) (*http.Response, []byte) {
	t.Helper()
	request := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), http.MethodPost, plain+path, strings.NewReader(body)))
	request.Header.Set("Content-Type", "application/json")
	if path == "/v1/messages" {
		request.Header.Set("anthropic-version", "2023-06-01")
	}
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	response := must[*http.Response](t)(http.DefaultClient.Do(request))
	defer response.Body.Close()
	return response, must[[]byte](t)(io.ReadAll(response.Body))
}

// unpacked is what gzip packed; an end that is missing or wrong is an error.
func unpacked(t *testing.T, packed []byte) []byte {
	t.Helper()
	reader := must[*gzip.Reader](t)(gzip.NewReader(bytes.NewReader(packed)))
	return must[[]byte](t)(io.ReadAll(reader))
}

// A request that says nothing of encodings is sent by net/http with `Accept-Encoding: gzip`, and its answer is unpacked on the way.
func TestGzipIsTransparentToNetHttp(t *testing.T) {
	for _, wire := range wires {
		t.Run(wire.name, func(t *testing.T) {
			body := strings.ReplaceAll(wire.body, "USER", "text")
			identity, want := post(t, wire.whole, body, map[string]string{"Accept-Encoding": "identity"})
			asked, packed := post(t, wire.whole, body, map[string]string{"Accept-Encoding": "gzip"})
			silent, found := post(t, wire.whole, body, nil)
			equal(t, identity.Header.Get("Content-Encoding"), "")
			equal(t, asked.Header.Get("Content-Encoding"), "gzip")
			equal(t, asked.Header.Get("Content-Length"), strconv.Itoa(len(packed)))
			equal(t, strings.Contains(strings.Join(asked.Header.Values("Vary"), ","), "Accept-Encoding"), true)
			equal(t, string(unpacked(t, packed)), string(want))
			equal(t, silent.Uncompressed, true)
			equal(t, string(found), string(want))
		})
	}
}

func TestAStreamIsOnlyCompressedWhenTheMockSaysSo(t *testing.T) {
	for _, wire := range wires {
		t.Run(wire.name, func(t *testing.T) {
			for user, compressed := range map[string]bool{"text": false, "squeeze": true} {
				body := strings.ReplaceAll(wire.streamed, "USER", user)
				asked, packed := post(t, wire.stream, body, map[string]string{"Accept-Encoding": "gzip"})
				silent, found := post(t, wire.stream, body, nil)
				equal(t, asked.Header.Get("Content-Encoding") == "gzip", compressed)
				equal(t, silent.Uncompressed, compressed)
				if compressed {
					packed = unpacked(t, packed)
				}
				equal(t, string(packed), string(found))
				equal(t, len(found) > len(text), true)
			}
		})
	}
}

func TestTheSameRequestGetsTheSameBytes(t *testing.T) {
	for _, wire := range wires {
		t.Run(wire.name, func(t *testing.T) {
			for path, body := range map[string]string{wire.whole: wire.body, wire.stream: wire.streamed} {
				body = strings.ReplaceAll(body, "USER", "text")
				first, want := post(t, path, body, nil)
				again, found := post(t, path, body, nil)
				equal(t, string(found), string(want))
				for _, response := range []*http.Response{first, again} { // what is real, not derived
					response.Header.Del("Date")
					response.Header.Del("X-Mock-Request-Id")
				}
				equal(t, again.Header, first.Header)
			}
		})
	}
}

func TestEveryWayReadsACompressedStream(t *testing.T) {
	eachWay(t, func(t *testing.T, way way) {
		found := must[reply](t)(way.connect(spot{url: plain})(t.Context(), question{user: "squeeze", stream: true}))
		equal(t, found.text, text)
	})
}
