package main

import (
	"context"
	"example/mockserver"
	"testing"
)

// The README shows this test.
func TestItAsksAgainAfterA429(t *testing.T) {
	server, err := mockserver.Start(script()) // examples/go/mockserver, to copy
	if err != nil {
		t.Fatal(err) // it says in the server's own words why it did not start
	}
	defer server.Stop()
	session, err := server.Session(t.Name())
	check(t, err)
	wait := object{"error": object{"kind": "rate_limit"}, "headers": object{"retry-after": "0"}}
	mock := object{"responses": []object{wait, {"text": "there you are"}}}
	check(t, session.Control("mocks", mock, nil))
	client := Client{BaseURL: session.URL + "/v1", Model: "any", Tries: 2} // or your own code
	answer, err := client.Ask(context.Background(), "Hello?")
	check(t, err)
	if answer != "there you are" {
		t.Errorf("the answer is %q", answer)
	}
}
