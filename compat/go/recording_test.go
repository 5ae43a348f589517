package compat

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// turns is what a model says that uses tools twice, whatever it is asked; only the turn tells the results apart.
var turns = []object{
	{"match": object{"turn": 0}, "response": object{"text": "I will look.", "tool_calls": []object{oslo}}},
	{"match": object{"turn": 1}, "response": object{"tool_calls": []object{rome, oslo}}},
	{"match": object{"turn": 2}, "response": object{"text": text}},
}

// running starts a server for one test.
func running(t *testing.T, options ...string) string {
	t.Helper()
	url, stop, err := start(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("a server did not end well: %v", err)
		}
	})
	return url
}

// askedOf is how often a server was asked anything.
func askedOf(t *testing.T, url string) int {
	t.Helper()
	body := bytes.NewReader([]byte(`{"match": {}}`))
	answer := must[*http.Response](t)(http.Post(url+"/__mock__/requests/count", "application/json", body))
	defer answer.Body.Close()
	var found struct{ Count int }
	if err := json.NewDecoder(answer.Body).Decode(&found); err != nil {
		t.Fatal(err)
	}
	return found.Count
}

// recordings counts the mocks that were recorded.
func recordings(folder string) int {
	found := 0
	_ = filepath.WalkDir(filepath.Join(folder, "mocks"), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && filepath.Ext(path) == ".json" && !strings.HasPrefix(entry.Name(), ".") {
			found++
		}
		return nil
	})
	return found
}

func TestAReplayedAgentHearsWhatItHeard(t *testing.T) {
	played, folder := t.TempDir(), t.TempDir()
	if err := write(filepath.Join(played, "mocks"), turns); err != nil {
		t.Fatal(err)
	}
	upstream := running(t, "--data", played)
	options := []string{"--data", folder}
	for _, provider := range []string{"openai", "azure", "gemini", "vertex_ai", "anthropic", "bedrock"} {
		options = append(options, "--record", provider+"="+upstream)
	}
	recorder, replayer := running(t, options...), running(t, "--data", folder)
	for _, way := range ways { // one after the other: requests are counted
		t.Run(way.name, func(t *testing.T) {
			wholeAndStreamed(t, func(t *testing.T, stream bool) {
				hear := func(url string) reply {
					t.Helper()
					asked := question{user: "Where is it warm? (" + way.name + ")", stream: stream, result: "12 degrees"}
					return must[reply](t)(way.connect(spot{url: url})(t.Context(), asked))
				}
				expected := askedOf(t, upstream) + len(turns)
				recorded := recordings(folder) + len(turns)
				live := hear(recorder)
				equal(t, live.text, text)
				equal(t, askedOf(t, upstream), expected)
				// A client that leaves at the last event may be faster than the end of the answer.
				for end := time.Now().Add(limited); recordings(folder) < recorded && time.Now().Before(end); {
					time.Sleep(10 * time.Millisecond)
				}
				equal(t, hear(recorder), live)
				equal(t, askedOf(t, upstream), expected)
				equal(t, hear(replayer), live)
				equal(t, recordings(folder), recorded)
			})
		})
	}
}

// limited is for what takes milliseconds.
const limited = 10 * time.Second
