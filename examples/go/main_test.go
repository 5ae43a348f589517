package main

import (
	"context"
	"errors"
	"example/mockserver"
	"log"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// patience is for what takes milliseconds: only what is broken takes as long.
const patience = 30 * time.Second

// object is a JSON object.
type object = map[string]any

// check ends a test that can't go on.
func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// entry is what the journal says of a request, as far as these tests look at it.
type entry struct {
	ID     string
	Status int
	Stream bool
	Ended  string
	Body   question
}

// server is the server of all tests.
var server *mockserver.Server

// script is where the server is: copy it beside your tests, or say where it is.
func script() string {
	if path := os.Getenv("MOCK_SERVER"); path != "" {
		return path
	}
	return "../../mock_server.py"
}

func TestMain(m *testing.M) {
	var err error
	// Mocks that all tests share would be in testdata/mocks.
	if server, err = mockserver.Start(script(), "--data", "testdata", "--strict"); err != nil {
		log.Fatal(err)
	}
	status := m.Run()
	if err := server.Stop(); err != nil {
		log.Fatal(err)
	}
	os.Exit(status)
}

// begin gives a test a session with these mocks, and a client of it.
func begin(t *testing.T, mocks ...object) (mockserver.Session, Client) {
	t.Helper()
	session, err := server.Session(t.Name())
	check(t, err)
	if len(mocks) > 0 {
		check(t, session.Control("mocks", mocks, nil))
	}
	return session, Client{BaseURL: session.URL + "/v1", Model: "gpt-4o-mini", Tries: 3}
}

// limited is a context that ends before the patience of whoever runs the tests does.
func limited(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// wait returns the requests that the journal has, once there are so many that have ended like this.
func wait(t *testing.T, session mockserver.Session, count int, ended any) []entry {
	t.Helper()
	var found struct{ Requests []entry }
	asked := object{"count": count, "ended": ended, "timeout": patience.Seconds()}
	check(t, session.Control("requests/wait", asked, &found))
	return found.Requests
}

func TestAnswersArrive(t *testing.T) {
	rateLimit := object{"error": object{"kind": "rate_limit"}, "headers": object{"retry-after": "0"}}
	cases := map[string]struct {
		mock     object
		text     string // what is read of the answer
		failure  string // what is in the error
		requests int
	}{
		"the text": {
			mock:     object{"response": object{"text": "One two three."}},
			text:     "One two three.",
			requests: 1,
		},
		"the text after a 429": {
			mock:     object{"responses": []object{rateLimit, {"text": "At last."}}},
			text:     "At last.",
			requests: 2,
		},
		"the third 429": {
			mock:     object{"response": rateLimit},
			failure:  "429",
			requests: 3,
		},
		"a 500, which is not asked again": {
			mock:     object{"response": object{"error": object{"kind": "server_error"}}},
			failure:  "500",
			requests: 1,
		},
	}
	for name, c := range cases {
		for _, streamed := range []bool{false, true} {
			kind := map[bool]string{false: "whole", true: "streamed"}[streamed]
			t.Run(name+", "+kind, func(t *testing.T) {
				session, client := begin(t, c.mock)
				var text string
				var err error
				if streamed {
					err = client.Stream(limited(t), "Count.", func(piece string) { text += piece })
				} else {
					text, err = client.Ask(limited(t), "Count.")
				}
				if text != c.text {
					t.Errorf("the text is %q, not %q", text, c.text)
				}
				if c.failure == "" {
					check(t, err)
				} else if err == nil || !strings.Contains(err.Error(), c.failure) {
					t.Errorf("the error is %v, which has no %q", err, c.failure)
				}
				for _, request := range wait(t, session, c.requests, "complete") {
					if request.Stream != streamed || request.Body.Messages[0].Content != "Count." {
						t.Errorf("what was sent is %+v", request)
					}
				}
				check(t, session.Control("verify", object{"invalid": true, "unmatched": true}, nil))
			})
		}
	}
}

func TestAMockForAllTestsAnswers(t *testing.T) {
	_, client := begin(t)
	text, err := client.Ask(limited(t), "Hello")
	check(t, err)
	if text != "Hello from testdata." {
		t.Errorf("the text is %q", text)
	}
}

// What has been said while the rest is held has come at once: no clock is needed to tell.
func TestPiecesComeOneByOne(t *testing.T) {
	session, client := begin(t, object{"response": object{"text": "Held back.", "gate": 1}})
	pieces := make(chan string)
	go func() {
		defer close(pieces)
		if err := client.Stream(limited(t), "Slowly.", func(piece string) { pieces <- piece }); err != nil {
			t.Error(err)
		}
	}()
	text := <-pieces
	if strings.HasSuffix(text, ".") {
		t.Fatalf("%q came, and nothing is held", text)
	}
	var found struct{ Requests []entry }
	check(t, session.Control("requests/wait", object{"count": 1, "timeout": patience.Seconds()}, &found))
	check(t, session.Control("requests/"+found.Requests[0].ID+"/release", object{"events": 100}, nil))
	for piece := range pieces {
		text += piece
	}
	if text != "Held back." {
		t.Errorf("the text is %q", text)
	}
}

func TestWhoeverCancelsHangsUp(t *testing.T) {
	session, client := begin(t, object{"response": object{"text": "Held for ever.", "gate": 1}})
	ctx, cancel := context.WithCancel(limited(t))
	err := client.Stream(ctx, "Hello?", func(string) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	wait(t, session, 1, "client_gone")
}

func TestAStreamThatBreaksOffIsAnError(t *testing.T) {
	_, client := begin(t, object{"response": object{"text": "Cut in the middle.", "fault": "close", "after_events": 2}})
	if err := client.Stream(limited(t), "Hello?", func(string) {}); err == nil {
		t.Error("nobody noticed")
	}
}

func TestTheProgramPrintsTheAnswer(t *testing.T) {
	_, client := begin(t)
	command := exec.CommandContext(limited(t), "go", "run", ".", "Hello")
	command.Env = append(os.Environ(), "OPENAI_BASE_URL="+client.BaseURL)
	printed, err := command.CombinedOutput()
	check(t, err)
	if string(printed) != "Hello from testdata.\n" {
		t.Errorf("it prints %q", printed)
	}
}
