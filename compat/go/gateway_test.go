package compat

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

// after is how many events come before a fault; every provider's stream has said something by then, and not yet all.
const after = 6

// patience is when a client takes a server that hangs for one that hangs.
const patience = 2 * time.Second

// faults are what a client behind a gateway makes of each fault, but for a server that hangs.
var faults = map[string]struct {
	refused bool // of a whole answer the gateway has nothing, and says so
	broken  bool // an answer that has begun breaks off with an error
	ends    bool // a stream ends early, but cleanly; without an end or an error it is all there
}{
	"reset":     {refused: true, broken: true},
	"close":     {refused: true, broken: true},
	"garbage":   {refused: true, broken: true},
	"malformed": {broken: true},
	"bad_gzip":  {broken: true},
	"truncate":  {ends: true},
	"drip":      {},
}

// --- The server, and a gateway in front of it ---

// spoken is what it says.
const spoken = text + " " + counted

// upstream is a server with TLS, and what reaches it.
type upstream struct {
	url       string
	roots     *x509.CertPool
	transport *http.Transport // trusts the server's certificate and nothing else
	stop      func() error    // keeps its standard input open
}

// secure is the upstream of all tests.  Nothing stops it: it ends when they do.
var secure = sync.OnceValues(func() (upstream, error) {
	folder, err := os.MkdirTemp("", "compat")
	if err != nil {
		return upstream{}, err
	}
	defer os.RemoveAll(folder)
	file := filepath.Join(folder, "certificate.pem")
	// Mocks for all tests would be in ./mocks.
	address, stop, err := start("--data", ".", "--tls", "--tls-cert-out", file)
	if err != nil {
		return upstream{}, err
	}
	certificate, err := os.ReadFile(file)
	if err != nil {
		return upstream{}, err
	}
	found := upstream{url: address, roots: x509.NewCertPool(), stop: stop}
	if !found.roots.AppendCertsFromPEM(certificate) {
		return upstream{}, fmt.Errorf("%q is no certificate", certificate)
	}
	found.transport = trusting(&tls.Config{RootCAs: found.roots})
	_, err = found.control(http.MethodPost, "/mocks", object{"name": "text", "response": object{"text": spoken}})
	return found, err
})

// trusting is a transport that takes HTTP/2 where it is offered, as a gateway does.
func trusting(config *tls.Config) *http.Transport {
	return &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
}

// control is the answer of a control request.
func (u upstream) control(method, path string, body any) ([]byte, error) {
	sent, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequest(method, u.url+"/__mock__"+path, bytes.NewReader(sent))
	if err != nil {
		return nil, err
	}
	response, err := u.transport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	found, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= 300 {
		err = fmt.Errorf("%s: %s", response.Status, found)
	}
	return found, err
}

// behind is the address of a gateway that has the upstream deliver its answers in some way, until the test is over.
func (u upstream) behind(t *testing.T, delivery object) string {
	target := must[*url.URL](t)(url.Parse(u.url))
	told := string(must[[]byte](t)(json.Marshal(delivery)))
	front := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(proxied *httputil.ProxyRequest) {
			proxied.SetURL(target)
			proxied.Out.Header.Set("X-Mock-Response", told)
			// From memory, like gathering: net/http's server closes a body when the answer begins, and an upstream that is quick
			// answers before net/http's client has looked for the end of the body, which then breaks off the answer.
			body, err := io.ReadAll(proxied.In.Body)
			if err == nil {
				proxied.Out.Body = io.NopCloser(bytes.NewReader(body))
			}
		},
		Transport:     u.transport,
		FlushInterval: -1, // each event as it comes
		ErrorLog:      log.New(io.Discard, "", 0),
	})
	t.Cleanup(front.Close)
	return front.URL
}

// --- What a client reads ---

// event is one of a stream; a whole answer is one without a name.
type event struct{ name, data string }

// answer is what came of a request: its body without gzip, what is in it, a trailer, and what broke it off.
type answer struct {
	status  int
	body    string
	events  []event
	trailer string
	err     error
}

// read sends a request and reads its answer to the end.
func read(ctx context.Context, address, body string) answer {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		return answer{err: err}
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request) // which asks for gzip, and unpacks it
	if err != nil {
		return answer{err: err}
	}
	defer response.Body.Close()
	data, broken := io.ReadAll(response.Body)
	found := answer{status: response.StatusCode, body: string(data), trailer: response.Trailer.Get("X-Mock-Trailer")}
	found.events, err = decoded(response.Header.Get("Content-Type"), data)
	found.err = errors.Join(broken, err)
	return found
}

// decoded are the events of a body, as far as they are JSON.
func decoded(kind string, data []byte) ([]event, error) {
	events := []event{{data: string(data)}}
	var err error
	if strings.HasPrefix(kind, "text/event-stream") {
		events = sentEvents(string(data))
	} else if kind == "application/vnd.amazon.eventstream" {
		events, err = frames(data)
	}
	for index, event := range events {
		if event.data != "[DONE]" && !json.Valid([]byte(event.data)) {
			return events[:index], errors.Join(err, fmt.Errorf("%q is no JSON", event.data))
		}
	}
	return events, err
}

var lineEnd = regexp.MustCompile("\r\n|\r|\n")

// sentEvents are the events of a text/event-stream; one that is not closed by an empty line is none.
func sentEvents(stream string) []event {
	found, next := []event{}, event{}
	for _, line := range lineEnd.Split(stream, -1) {
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "" && next.data != "":
			found, next = append(found, next), event{}
		case field == "event":
			next.name = value
		case field == "data": // no provider sends several lines of it
			next.data += value
		}
	}
	return found
}

// frames are the events of Amazon's binary stream, whose checksums are right.
func frames(stream []byte) ([]event, error) {
	found, reader := []event{}, bytes.NewReader(stream)
	for reader.Len() > 0 {
		message, err := eventstream.NewDecoder().Decode(reader, nil)
		if err != nil {
			return found, err
		}
		found = append(found, event{message.Headers.Get(":event-type").String(), string(message.Payload)})
	}
	return found, nil
}

// wire is one of wires.
type wire struct{ name, whole, stream, body, streamed string }

// ask gets a whole or a streamed answer of a provider through an address.
func (w wire) ask(ctx context.Context, address string, stream bool) answer {
	path, body := w.whole, w.body
	if stream {
		path, body = w.stream, w.streamed
	}
	return read(ctx, address+path, strings.ReplaceAll(body, "USER", "Hello"))
}

// eachWire runs a test for the whole and the streamed answers of every provider, in parallel.
func eachWire(t *testing.T, test func(t *testing.T, wire wire, stream bool)) {
	for _, each := range wires {
		for _, stream := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, stream %t", each.name, stream), func(t *testing.T) {
				t.Parallel()
				test(t, each, stream)
			})
		}
	}
}

// --- Wire plans ---

func TestNoWirePlanChangesWhatComesThroughAGateway(t *testing.T) {
	upstream, plans := must[upstream](t)(secure()), map[string]object{}
	equal(t, json.Unmarshal(must[[]byte](t)(upstream.control(http.MethodGet, "/wire-plans", nil)), &plans), nil)
	equal(t, len(plans) >= 15, true)
	eachWire(t, func(t *testing.T, wire wire, stream bool) {
		want := wire.ask(t.Context(), upstream.behind(t, object{"wire": "event"}), stream)
		equal(t, want.err, nil)
		equal(t, len(want.events) > after, stream)
		for name, plan := range plans {
			t.Run(name, func(t *testing.T) {
				found := wire.ask(t.Context(), upstream.behind(t, object{"wire": name}), stream)
				equal(t, found.err, nil)
				equal(t, found.events, want.events)
				if plan["eol"] == nil && plan["comments"] == nil && plan["no_space"] == nil { // only where the bytes are cut changes
					equal(t, found.body, want.body)
				}
				equal(t, found.trailer == "the end", stream && plan["trailers"] != nil)
			})
		}
	})
}

// --- Faults ---

func TestAFaultComesThroughAGatewayAsAnErrorOrAsAnEarlyEnd(t *testing.T) {
	upstream := must[upstream](t)(secure())
	eachWire(t, func(t *testing.T, wire wire, stream bool) {
		want := wire.ask(t.Context(), upstream.behind(t, object{"wire": "event"}), stream)
		equal(t, want.err, nil)
		for name, fault := range faults {
			t.Run(name, func(t *testing.T) {
				found := wire.ask(t.Context(), upstream.behind(t, object{"fault": name, "after_events": after}), stream)
				switch {
				case stream:
					equal(t, found.err != nil, fault.broken)
					sent := len(want.events)
					if fault.broken || fault.ends {
						sent = after
					}
					equal(t, found.events, want.events[:sent])
				case fault.refused:
					equal(t, found.status, http.StatusBadGateway)
				default:
					equal(t, found.err != nil, fault.broken || fault.ends)
					equal(t, found.err != nil || found.body == want.body, true)
				}
			})
		}
	})
}

func TestAFaultInMidStreamThroughAGatewayIsAnErrorOfTheSdk(t *testing.T) {
	upstream := must[upstream](t)(secure())
	eachWay(t, func(t *testing.T, way way) {
		// smithy-go 1.28.8 takes a connection that breaks between two events for the end of the stream.
		deaf := strings.HasPrefix(way.name, "bedrock")
		for name, fault := range faults {
			t.Run(name, func(t *testing.T) {
				ask := way.connect(spot{url: upstream.behind(t, object{"fault": name, "after_events": after})})
				found, err := ask(t.Context(), question{user: "Hello", stream: true})
				if !fault.ends || !strings.HasPrefix(way.name, "openai responses") { // whose asker wants to see the last event
					equal(t, err != nil, fault.broken && !(deaf && fault.refused))
				}
				equal(t, strings.HasPrefix(spoken, found.text), true)
				equal(t, found.text == spoken, !fault.broken && !fault.ends)
			})
		}
	})
}

func TestAServerThatHangsBehindAGatewayIsLeft(t *testing.T) {
	upstream := must[upstream](t)(secure())
	address := upstream.behind(t, object{"fault": "hang", "after_events": after})
	healthy := upstream.behind(t, object{"wire": "event"})
	want := map[string][]event{}
	for _, each := range wires {
		want[each.name] = wire(each).ask(t.Context(), healthy, true).events[:after]
	}
	ctx, leave := context.WithTimeout(t.Context(), patience)
	defer leave()
	var asking sync.WaitGroup
	for _, stream := range []bool{false, true} {
		for _, each := range wires {
			asking.Go(func() {
				found := wire(each).ask(ctx, address, stream)
				equal(t, errors.Is(found.err, context.DeadlineExceeded), true)
				equal(t, slices.Equal(found.events, want[each.name]), stream)
			})
		}
		for _, way := range ways {
			ask := way.connect(spot{url: address})
			asking.Go(func() {
				_, err := ask(ctx, question{user: "Hello", stream: stream})
				equal(t, err != nil, true)
			})
		}
	}
	asking.Wait()
	// The gateway has let go of the upstream, too.
	hanging := object{"headers": object{"x-mock-response": object{"contains": "hang"}}}
	_, err := upstream.control(http.MethodPost, "/requests/wait", object{"match": hanging, "ended": "client_closed",
		"count": 2 * (len(wires) + len(ways)), "timeout": 10})
	equal(t, err, nil)
}

// --- TLS ---

// openaiOver is openai-go with a transport.
func openaiOver(transport http.RoundTripper, address string) openai.Client {
	return openai.NewClient(option.WithBaseURL(address+"/v1"), option.WithAPIKey("key"), option.WithMaxRetries(0),
		option.WithHTTPClient(&http.Client{Transport: transport}))
}

func TestOpenaiTrustsTheCertificateAndKeepsItsConnection(t *testing.T) {
	upstream := must[upstream](t)(secure())
	for _, host := range []string{"127.0.0.1", "localhost"} {
		t.Run(host, func(t *testing.T) {
			var handshakes atomic.Int32
			transport := trusting(&tls.Config{RootCAs: upstream.roots, VerifyConnection: func(state tls.ConnectionState) error {
				handshakes.Add(1)
				return nil
			}})
			defer transport.CloseIdleConnections()
			ask := chat{openaiOver(transport, strings.Replace(upstream.url, "127.0.0.1", host, 1)), "gpt-4o-mini"}.ask
			for _, stream := range []bool{false, false, true} { // it does not read on after [DONE], which ends the connection
				equal(t, must[reply](t)(ask(t.Context(), question{user: "Hello", stream: stream})).text, spoken)
			}
			equal(t, handshakes.Load(), 1)
		})
	}
}

func TestOpenaiRefusesACertificateThatItDoesNotTrust(t *testing.T) {
	upstream := must[upstream](t)(secure())
	transport := trusting(&tls.Config{RootCAs: x509.NewCertPool()})
	ask := chat{openaiOver(transport, upstream.url), "gpt-4o-mini"}.ask
	wholeAndStreamed(t, func(t *testing.T, stream bool) {
		_, err := ask(t.Context(), question{user: "Hello", stream: stream})
		var unknown x509.UnknownAuthorityError
		if !errors.As(err, &unknown) {
			t.Errorf("%T: %v", err, err)
		}
	})
}
