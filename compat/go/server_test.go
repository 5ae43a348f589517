// Package compat runs the official Go SDKs against the server, started as its users do.
//
//	go test ./...
//
// PYTHON names the interpreter (python3), MOCK_SERVER the script (../../mock_server.py).
package compat

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// object is a JSON object.
type object = map[string]any

// Addresses of the two servers; guarded wants a credential.  Both answer from the same mocks.
var plain, guarded string

// Variables that would send an SDK elsewhere, give it other credentials, or put a proxy in between.
var foreign = []string{"OPENAI_", "AZURE_", "GOOGLE_", "GEMINI_", "GCE_", "CLOUDSDK_", "ANTHROPIC_", "AWS_", "MOCK_SERVER_",
	"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"}

func TestMain(m *testing.M) {
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if slices.ContainsFunc(foreign, func(prefix string) bool { return strings.HasPrefix(strings.ToUpper(name), prefix) }) {
			os.Unsetenv(name)
		}
	}
	os.Exit(served(m.Run))
}

// served runs the tests between the start and the end of both servers; the exit status.
func served(run func() int) (status int) {
	data, err := os.MkdirTemp("", "compat")
	if err != nil {
		log.Print(err)
		return 1
	}
	defer os.RemoveAll(data)
	if err := write(filepath.Join(data, "mocks"), mocks()); err != nil {
		log.Print(err)
		return 1
	}
	for url, options := range map[*string][]string{&plain: nil, &guarded: {"--require-auth"}} {
		address, stop, err := start(append([]string{"--data", data}, options...)...)
		if err != nil {
			log.Print(err)
			return 1
		}
		*url = address
		defer func() {
			if err := stop(); err != nil {
				log.Printf("a server did not end well: %v", err)
				status = 1
			}
		}()
	}
	if status = run(); status == 0 {
		for _, url := range []string{plain, guarded} {
			if err := nothingRefused(url); err != nil {
				log.Print(err)
				status = 1
			}
		}
	}
	return status
}

// nothingRefused fails if the real provider would refuse what was sent to a server (docs/strict.md); what can't be
// read is wrong on purpose.
func nothingRefused(url string) error {
	body := strings.NewReader(`{"invalid": true, "unused": false, "unmatched": false}`)
	answer, err := http.Post(url+"/__mock__/verify?session=*", "application/json", body)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	var found struct {
		Invalid []struct {
			Operation  *string
			Path       string
			Violations []struct{ Rule, Place, Message string }
		}
	}
	if err := json.NewDecoder(answer.Body).Decode(&found); err != nil {
		return err
	}
	refused := []string{}
	for _, request := range found.Invalid {
		if request.Operation != nil && len(request.Violations) > 0 {
			refused = append(refused, fmt.Sprintf("%s breaks %+v", request.Path, request.Violations))
		}
	}
	if len(refused) > 0 {
		return fmt.Errorf("the real provider would refuse this: %s", strings.Join(refused, "; "))
	}
	return nil
}

// write puts mocks into a folder.
func write(folder string, mocks []object) error {
	text, err := json.Marshal(mocks)
	if err != nil {
		return err
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "compat.json"), text, 0o600)
}

// setting is an environment variable, or what it is by default.
func setting(name, usual string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return usual
}

// start starts a server; the address that it prints, and what ends it: closing its standard input.
func start(options ...string) (string, func() error, error) {
	script := setting("MOCK_SERVER", filepath.Join("..", "..", "mock_server.py"))
	options = append([]string{script, "0", "--log", "off", "--exit-on-stdin-close"}, options...)
	command := exec.Command(setting("PYTHON", "python3"), options...)
	command.Stderr = os.Stderr
	input, err := command.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	output, err := command.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := command.Start(); err != nil {
		return "", nil, err
	}
	stop := func() error {
		defer time.AfterFunc(10*time.Second, func() { command.Process.Kill() }).Stop()
		input.Close()
		return command.Wait()
	}
	line, _ := bufio.NewReader(output).ReadString('\n')
	url, found := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if !found {
		return "", nil, fmt.Errorf("the server said %q and ended with %v", line, stop())
	}
	return url, stop, nil
}

// bare is a transport that takes the credential out of every request.
type bare struct{}

// uncover removes what could be a credential.
func uncover(header http.Header) {
	for _, name := range []string{"Authorization", "Api-Key", "X-Api-Key", "X-Goog-Api-Key"} {
		header.Del(name)
	}
}

func (bare) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	uncover(request.Header)
	return http.DefaultTransport.RoundTrip(request)
}

// equal fails the test unless two values are deeply equal.
func equal[T any](t *testing.T, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n\t%+v\nwant\n\t%+v", got, want)
	}
}

// must is the value, or the end of the test.
func must[T any](t *testing.T) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}
