// A small program that asks an LLM and prints what it says as it comes.
//
//	OPENAI_BASE_URL=http://127.0.0.1:5001/v1 go run . Hello
//
// Its tests run it against mock_server.py: go test ./...
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"
)

// Client asks one provider.
type Client struct {
	BaseURL string
	Model   string
	Tries   int // how often it asks at most where the provider says 429
}

// message is what has been said, whole or a piece of it.
type message struct {
	Role    string `json:"role,omitempty"`
	Content string `json:"content"`
}

// question is the body of a request.
type question struct {
	Model    string    `json:"model"`
	Stream   bool      `json:"stream,omitempty"`
	Messages []message `json:"messages"`
}

// completion is a whole answer, or an event of a streamed one.
type completion struct {
	Choices []struct{ Message, Delta message }
	Error   *struct{ Message string }
}

// text is what a completion says.
func (c completion) text() string {
	if len(c.Choices) == 0 {
		return ""
	}
	return c.Choices[0].Message.Content + c.Choices[0].Delta.Content
}

// Ask returns the whole answer.
func (c Client) Ask(ctx context.Context, prompt string) (string, error) {
	response, err := c.send(ctx, question{Model: c.Model, Messages: []message{{"user", prompt}}})
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	var answer completion
	err = json.NewDecoder(response.Body).Decode(&answer)
	return answer.text(), err
}

// Stream calls say with each piece of the answer as it comes.
func (c Client) Stream(ctx context.Context, prompt string, say func(piece string)) error {
	response, err := c.send(ctx, question{c.Model, true, []message{{"user", prompt}}})
	if err != nil {
		return err
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		data, found := strings.CutPrefix(lines.Text(), "data: ")
		if !found {
			continue
		}
		if data == "[DONE]" {
			return nil
		}
		var event completion
		if err := json.Unmarshal([]byte(data), &event); err != nil {
			return err
		}
		if event.Error != nil {
			return errors.New(event.Error.Message)
		}
		if piece := event.text(); piece != "" {
			say(piece)
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return io.ErrUnexpectedEOF // the stream ended before it said so
}

// send sends a request, once more where there were too many; an answer that is not 200 is an error.
func (c Client) send(ctx context.Context, asked question) (*http.Response, error) {
	body, err := json.Marshal(asked)
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		request, err := http.NewRequestWithContext(ctx, "POST", c.BaseURL+"/chat/completions", bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Authorization", "Bearer "+os.Getenv("OPENAI_API_KEY"))
		response, err := http.DefaultClient.Do(request)
		if err != nil || response.StatusCode == http.StatusOK {
			return response, err
		}
		var refused completion
		json.NewDecoder(response.Body).Decode(&refused)
		response.Body.Close()
		if response.StatusCode != http.StatusTooManyRequests || try >= c.Tries {
			reason := response.Status
			if refused.Error != nil {
				reason += ": " + refused.Error.Message
			}
			return nil, errors.New(reason)
		}
		seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Duration(seconds) * time.Second):
		}
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	client := Client{BaseURL: os.Getenv("OPENAI_BASE_URL"), Model: "gpt-4o-mini", Tries: 3}
	if client.BaseURL == "" {
		client.BaseURL = "https://api.openai.com/v1"
	}
	err := client.Stream(ctx, strings.Join(os.Args[1:], " "), func(piece string) { fmt.Print(piece) })
	fmt.Println()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
