// A whole test of a gateway, to copy: one server for all tests, a session of it for each, an official SDK as the client.
// It stands for itself, in a package of its own.  Where it says gateway, put yours.
package compat_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

// limit is for what takes milliseconds; only what is broken takes as long.
const limit = 10 * time.Second

// --- The server ---

// server is a mock_server.py; each of its ports is an upstream.
type server struct {
	command *exec.Cmd
	input   io.Closer
	ports   []int
}

// launch starts a server with so many ports, which the system chooses.  It ends when its standard input closes, which it
// does however this process ends.  Keep the result: the pipe also closes when it is garbage.
func launch(ports int) (*server, error) {
	script := cmp.Or(os.Getenv("MOCK_SERVER"), filepath.Join("..", "..", "mock_server.py"))
	// Mocks for all tests would be in ./mocks; without --data there would be those beside the script.
	options := append(slices.Repeat([]string{"0"}, ports), "--exit-on-stdin-close", "--log", "off", "--data", ".")
	command := exec.Command(cmp.Or(os.Getenv("PYTHON"), "python3"), append([]string{script}, options...)...)
	command.Stderr = os.Stderr
	input, noInput := command.StdinPipe()
	output, noOutput := command.StdoutPipe()
	if err := errors.Join(noInput, noOutput, command.Start()); err != nil {
		return nil, err
	}
	found := &server{command: command, input: input}
	lines := bufio.NewScanner(output)
	for range ports {
		var port int
		lines.Scan()
		if _, err := fmt.Sscanf(lines.Text(), "listening on http://127.0.0.1:%d", &port); err != nil {
			return nil, fmt.Errorf("the server said %q and ended with %v", lines.Text(), found.close())
		}
		found.ports = append(found.ports, port)
	}
	return found, nil
}

// close ends the server; its exit status, if that is not 0, is the error.
func (s *server) close() error {
	defer time.AfterFunc(limit, func() { s.command.Process.Kill() }).Stop()
	s.input.Close()
	return s.command.Wait()
}

// shared is the server of all tests.  Nothing closes it: it ends when they do.
var shared = sync.OnceValues(func() (*server, error) { return launch(2) })

// --- A session of it ---

type object = map[string]any

// session is one test's part of the server: mocks and a journal that no other test sees.
type session struct {
	t     *testing.T
	urls  []string // a base address for each port
	ports []int
}

// request is what the journal says of a request, as far as these tests look at it.
type request struct {
	ID          string
	Port        int
	Path        string
	Headers     map[string]string
	User        string
	Model       string
	Stream      bool
	Mock        string
	Status      int
	Ended       string
	EventsSent  int        `json:"events_sent"`
	EventsTotal int        `json:"events_total"`
	NearMisses  []nearMiss `json:"near_misses"`
}

// nearMiss is a mock that did not answer, and what kept it from it.
type nearMiss struct {
	Mock        string
	Differences []difference
}

type difference struct{ Key, Got, Expected string }

// open is the session that has the name of the test; it begins empty.
func open(t *testing.T) session {
	t.Helper()
	server, err := shared()
	check(t, err)
	found := session{t: t, ports: server.ports}
	for _, port := range server.ports {
		found.urls = append(found.urls, fmt.Sprintf("http://127.0.0.1:%d/@%s", port, url.PathEscape(t.Name())))
	}
	found.control("POST", "/reset", nil, nil)
	return found
}

// control does one thing with the control API and reads its answer; one that refuses ends the test with the reason.
func (s session) control(method, path string, body, answer any) {
	s.t.Helper()
	var sent bytes.Buffer
	if body != nil {
		check(s.t, json.NewEncoder(&sent).Encode(body))
	}
	asked, err := http.NewRequestWithContext(s.t.Context(), method, s.urls[0]+"/__mock__"+path, &sent)
	check(s.t, err)
	response, err := http.DefaultClient.Do(asked)
	check(s.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	check(s.t, err)
	if response.StatusCode >= 300 {
		s.t.Fatalf("%s %s: %s", method, path, text)
	}
	if answer != nil {
		check(s.t, json.Unmarshal(text, answer))
	}
}

// mock adds mocks; the first that matches answers.
func (s session) mock(mocks ...object) {
	s.t.Helper()
	s.control("POST", "/mocks", mocks, nil)
}

// requests is the journal, oldest first.
func (s session) requests(query string) []request {
	s.t.Helper()
	var found struct{ Requests []request }
	s.control("GET", "/requests"+query, nil, &found)
	return found.Requests
}

// count is how many requests match.
func (s session) count(match object) int {
	s.t.Helper()
	var found struct{ Count int }
	s.control("POST", "/requests/count", object{"match": match}, &found)
	return found.Count
}

// wait is the requests that match, as soon as there are so many; with ended, as soon as they have ended like that.
func (s session) wait(match object, count int, ended ...string) []request {
	s.t.Helper()
	wanted := object{"match": match, "count": count, "timeout": limit.Seconds()}
	if len(ended) > 0 {
		wanted["ended"] = ended[0]
	}
	var found struct{ Requests []request }
	s.control("POST", "/requests/wait", wanted, &found)
	return found.Requests
}

// release lets an event out of a stream that has a gate.
func (s session) release(id string) {
	s.t.Helper()
	s.control("POST", "/requests/"+id+"/release", object{"events": 1}, nil)
}

// masked is what the journal shows of a credential.
func masked(key string) string {
	hash := sha256.Sum256([]byte(key))
	return fmt.Sprintf("Bearer *** (sha256 %x)", hash[:4])
}

// --- The client ---

// client is the SDK as an application uses it.
func client(base, key string) openai.Client {
	return openai.NewClient(option.WithBaseURL(base+"/v1"), option.WithAPIKey(key), option.WithMaxRetries(0))
}

func prompt(user string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{Model: "gpt-4o-mini",
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(user)}}
}

// whole is the text of an answer in one piece.
func whole(ctx context.Context, client openai.Client, user string) (string, error) {
	answer, err := client.Chat.Completions.New(ctx, prompt(user))
	if err != nil {
		return "", err
	}
	return answer.Choices[0].Message.Content, nil
}

// streamed is the text of an answer in many, each of which is also given to see.
func streamed(ctx context.Context, client openai.Client, user string, see func(string)) (string, error) {
	stream := client.Chat.Completions.NewStreaming(ctx, prompt(user))
	defer stream.Close()
	text := ""
	for stream.Next() {
		piece := stream.Current().Choices[0].Delta.Content
		text += piece
		see(piece)
	}
	return text, stream.Err()
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got\n\t%+v\nwant\n\t%+v", what, got, want)
	}
}

// --- What the upstream gets ---

func TestTheJournalHasWhatTheSdkSent(t *testing.T) {
	s := open(t)
	s.mock(object{"name": "greeting", "match": object{"user": "Hello"}, "response": object{"text": "Hello from {{model}}."}})
	client := client(s.urls[0], "sk-client")
	text, err := whole(t.Context(), client, "Hello")
	check(t, err)
	equal(t, "the whole answer", text, "Hello from gpt-4o-mini.")
	pieces := 0
	text, err = streamed(t.Context(), client, "Hello", func(string) { pieces++ })
	check(t, err)
	equal(t, "the streamed answer", text, "Hello from gpt-4o-mini.")

	// An answer may be here before the server has noted how it ended, so wait for that.
	found := s.wait(object{"user": "Hello"}, 2, "complete")
	for index, stream := range []bool{false, true} {
		got := found[index]
		equal(t, "the request", got, request{ID: got.ID, Port: s.ports[0], Path: "/v1/chat/completions", Headers: got.Headers,
			User: "Hello", Model: "gpt-4o-mini", Stream: stream, Mock: "greeting", Status: 200, Ended: "complete",
			EventsSent: got.EventsTotal, EventsTotal: got.EventsTotal, NearMisses: []nearMiss{}})
		equal(t, "the credential", got.Headers["authorization"], masked("sk-client"))
	}
	equal(t, "events on the wire, [DONE] among them", found[1].EventsTotal, pieces+1)
	equal(t, "all requests", len(s.requests("")), 2)
	equal(t, "streamed requests", s.count(object{"stream": true}), 1)
	equal(t, "requests of the official client", s.count(object{"headers": object{"user-agent": object{"glob": "OpenAI/Go *"}}}), 2)
	equal(t, "requests that are not", s.count(object{"headers": object{"user-agent": object{"not": object{"glob": "OpenAI/Go *"}}}}), 0)
}

func TestAMissSaysWhatWouldHaveMatched(t *testing.T) {
	s := open(t)
	s.mock(object{"name": "greeting", "match": object{"user": "Hello"}, "response": object{"text": "Hello."}})
	_, err := whole(t.Context(), client(s.urls[0], "sk-client"), "Hallo")
	var refusal *openai.Error
	if !errors.As(err, &refusal) {
		t.Fatalf("%T: %v", err, err)
	}
	equal(t, "the status", refusal.StatusCode, http.StatusNotFound)
	equal(t, "the SDK has the reason: "+refusal.Message, strings.Contains(refusal.Message, `user is "Hallo", expected "Hello"`), true)

	missed := [][]nearMiss{}
	for _, found := range s.requests("?unmatched=1") {
		missed = append(missed, found.NearMisses)
	}
	equal(t, "what was near", missed, [][]nearMiss{{{"greeting", []difference{{"user", "Hallo", "Hello"}}}}})
}

// --- A gateway between them ---

// gateway is one to test.  It has a key of its own, and asks the next upstream when one has had enough of it.
func gateway(key string, upstreams ...string) *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite:       func(proxied *httputil.ProxyRequest) { proxied.Out.Header.Set("Authorization", "Bearer "+key) },
		Transport:     failover(upstreams),
		FlushInterval: -1, // each event as it comes
	}
}

type failover []string

func (f failover) RoundTrip(request *http.Request) (response *http.Response, err error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	for index, upstream := range f {
		attempt := request.Clone(request.Context())
		attempt.Body, attempt.Host = io.NopCloser(bytes.NewReader(body)), ""
		if attempt.URL, err = url.Parse(upstream + request.URL.Path); err != nil {
			return nil, err
		}
		response, err = http.DefaultTransport.RoundTrip(attempt)
		if err != nil || response.StatusCode != http.StatusTooManyRequests || index == len(f)-1 {
			break
		}
		response.Body.Close()
	}
	return response, err
}

// serve is the address at which a gateway listens until the test is over.
func serve(t *testing.T, gateway http.Handler) string {
	front := httptest.NewServer(gateway)
	t.Cleanup(front.Close)
	return front.URL
}

func TestTheGatewayAsksTheSecondUpstreamWhenTheFirstIsBusy(t *testing.T) {
	s := open(t)
	s.mock(object{"match": object{"port": s.ports[0]}, "response": object{"error": object{"kind": "rate_limit"}}},
		object{"match": object{"port": s.ports[1]}, "response": object{"text": "from the second"}})
	client := client(serve(t, gateway("sk-gateway", s.urls...)), "sk-client")
	text, err := whole(t.Context(), client, "Hello")
	check(t, err)
	equal(t, "the whole answer", text, "from the second")
	text, err = streamed(t.Context(), client, "Hello", func(string) {})
	check(t, err)
	equal(t, "the streamed answer", text, "from the second")

	// Both ports are of one process, so that one journal has the order.
	type attempt struct {
		port, status int
		user         string
		stream       bool
		key          string
	}
	attempts := []attempt{}
	for _, found := range s.wait(object{}, 4) {
		attempts = append(attempts, attempt{found.Port, found.Status, found.User, found.Stream, found.Headers["authorization"]})
	}
	equal(t, "the attempts", attempts, []attempt{
		{s.ports[0], 429, "Hello", false, masked("sk-gateway")}, {s.ports[1], 200, "Hello", false, masked("sk-gateway")},
		{s.ports[0], 429, "Hello", true, masked("sk-gateway")}, {s.ports[1], 200, "Hello", true, masked("sk-gateway")}})
}

func TestParallelTestsDoNotSeeEachOther(t *testing.T) {
	for number := range 8 {
		t.Run(fmt.Sprint("test ", number), func(t *testing.T) {
			t.Parallel()
			s := open(t)
			answers := []string{}
			for turn := range 3 {
				answers = append(answers, fmt.Sprintf("answer %d of test %d", turn, number))
			}
			s.mock(object{"match": object{"user": "Hello"}, "responses": []object{
				{"text": answers[0]}, {"text": answers[1]}, {"text": answers[2]}}})
			client := client(serve(t, gateway("sk-gateway", s.urls[0])), "sk-client")
			for _, want := range answers {
				text, err := whole(t.Context(), client, "Hello")
				check(t, err)
				equal(t, "the answer", text, want)
			}
			equal(t, "requests of this test", s.count(object{}), 3)
		})
	}
}

// buffer makes a gateway wait for the end of an answer before it passes the first byte on.
func buffer(response *http.Response) error {
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(body))
	return err
}

// A gate holds back every event but the first.  What streams has passed that one on all the same; what buffers has nothing
// to pass on, however long one is patient.
func TestAGateTellsAGatewayThatStreamsFromOneThatBuffers(t *testing.T) {
	for _, test := range []struct {
		name     string
		modify   func(*http.Response) error
		streams  bool
		patience time.Duration
	}{{"streams", nil, true, limit}, {"buffers", buffer, false, limit / 100}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			s.mock(object{"response": object{"text": "one two three", "gate": true}})
			gateway := gateway("sk-gateway", s.urls[0])
			gateway.ModifyResponse = test.modify
			client := client(serve(t, gateway), "sk-client")
			var text string
			var err error
			pieces := make(chan string, 100)
			go func() {
				defer close(pieces)
				text, err = streamed(t.Context(), client, "Hello", func(piece string) { pieces <- piece })
			}()
			comes := func() bool { // whether a piece comes through
				select {
				case _, more := <-pieces:
					return more
				case <-time.After(test.patience):
					return false
				}
			}

			held := s.wait(object{}, 1)[0]
			equal(t, "the first event comes through the gateway", comes(), test.streams)
			for left := held.EventsTotal - 1; left > 0; left-- {
				s.release(held.ID)
				if test.streams && left > 1 { // the last one is [DONE], of which the SDK says nothing
					equal(t, "so does the next", comes(), true)
				}
			}
			for range pieces {
			}
			check(t, err)
			equal(t, "the answer", text, "one two three")
			ended := s.wait(object{}, 1, "complete")[0]
			equal(t, "events that were sent", ended.EventsSent, held.EventsTotal)
		})
	}
}

// --- How the server ends ---

// listens is whether somebody accepts connections at a port.
func listens(t *testing.T, port int) bool {
	t.Helper()
	connection, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", port))
	if errors.Is(err, syscall.ECONNREFUSED) {
		return false
	}
	check(t, err)
	connection.Close()
	return true
}

func TestTheServerEndsWithItsStandardInput(t *testing.T) {
	server, err := launch(1)
	check(t, err)
	equal(t, "listens", listens(t, server.ports[0]), true)
	check(t, server.close())
	equal(t, "still listens", listens(t, server.ports[0]), false)
}

// A killed test can't end its servers.  This one runs itself as another process, and kills it.
func TestAKilledTestLeavesNoServerBehind(t *testing.T) {
	if os.Getenv("TO_BE_KILLED") != "" {
		server, err := launch(1)
		check(t, err)
		fmt.Println(server.ports[0])
		io.Copy(io.Discard, os.Stdin) // until the kill
		t.Fatal("nobody killed this process, of which the server is ", server.command.Process.Pid)
	}
	victim := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	victim.Env = append(os.Environ(), "TO_BE_KILLED=1", "TMPDIR="+t.TempDir()) // it can't tidy up either
	_, noInput := victim.StdinPipe()
	output, noOutput := victim.StdoutPipe()
	complaints, noComplaints := victim.StderrPipe()
	check(t, errors.Join(noInput, noOutput, noComplaints, victim.Start()))
	var port int
	_, err := fmt.Fscan(output, &port)
	check(t, err)
	equal(t, "listens", listens(t, port), true)

	check(t, victim.Process.Kill())
	// The server has the victim's standard error, so this goes on until both have ended.
	defer time.AfterFunc(limit, func() { complaints.Close() }).Stop()
	said, err := io.ReadAll(complaints)
	check(t, err)
	equal(t, "last words", string(said), "")
	equal(t, "the victim's end", fmt.Sprint(victim.Wait()), "signal: killed")
	equal(t, "still listens", listens(t, port), false)
}
