package mockserver

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// script is where the server is.
func script() string {
	if path := os.Getenv("MOCK_SERVER"); path != "" {
		return path
	}
	return "../../../mock_server.py"
}

// TestMain is also the test that is killed while its server runs.
func TestMain(m *testing.M) {
	if os.Getenv("KILL_ME") == "" {
		os.Exit(m.Run())
	}
	server, err := Start(script(), "--data", os.TempDir())
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(server.URL)
	select {}
}

func TestAServerThatDoesNotStartSaysWhy(t *testing.T) {
	bad := t.TempDir()
	if err := os.MkdirAll(filepath.Join(bad, "mocks"), 0o755); err != nil {
		t.Fatal(err)
	}
	mock := `[{"match": {"usr": "Hello"}, "response": {"text": "Hi"}}]`
	if err := os.WriteFile(filepath.Join(bad, "mocks", "bad.json"), []byte(mock), 0o644); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	cases := map[string]struct {
		python, script string
		options        []string
		said           string
	}{
		"a bad mock":   {"", script(), []string{"--data", bad}, "usr"},
		"a busy port":  {"", script(), []string{port}, "in use"},
		"a bad option": {"", script(), []string{"--datta", bad}, "--datta"},
		"no script":    {"", "no_such_server.py", nil, "no_such_server.py"},
		"no Python":    {"no-such-python", script(), nil, "no-such-python"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if c.python != "" {
				t.Setenv("PYTHON", c.python)
			}
			server, err := Start(c.script, c.options...)
			if err == nil {
				server.Stop()
				t.Fatal("it did start")
			}
			if !strings.Contains(err.Error(), c.said) {
				t.Errorf("%q says nothing of %s", err, c.said)
			}
		})
	}
}

func TestAServerStops(t *testing.T) {
	server, err := Start(script(), "--data", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for range []string{"once", "again, as after a deferred Stop"} {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	}
	if answers(server.URL) {
		t.Error("it still answers")
	}
}

func TestASessionSaysWhatWasNeverUsed(t *testing.T) {
	server, err := Start(script(), "--data", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	session, err := server.Session(t.Name())
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Control("verify", nil, nil); err != nil {
		t.Errorf("nothing is left over, and it says %q", err)
	}
	mock := map[string]any{"response": map[string]any{"text": "Hi"}}
	if err := session.Control("mocks", mock, nil); err != nil {
		t.Fatal(err)
	}
	err = session.Control("verify", nil, nil)
	if err == nil || !strings.Contains(err.Error(), "never used") {
		t.Errorf("it says %q", err)
	}
}

func TestAServerEndsWithAKilledTest(t *testing.T) {
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), "KILL_ME=1")
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	var address string
	fmt.Fscanln(output, &address)
	if !answers(address) {
		t.Errorf("nothing answers at %q", address)
	}
	command.Process.Kill()
	io.Copy(io.Discard, output)
	command.Wait()
	for deadline := time.Now().Add(10 * time.Second); answers(address); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it outlives its test")
		}
	}
}

// answers tells whether a server answers.
func answers(address string) bool {
	response, err := http.Get(address + "/")
	if err != nil {
		return false
	}
	response.Body.Close()
	return true
}
