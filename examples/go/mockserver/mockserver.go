// Package mockserver starts mock_server.py, gives tests a part of it each, and stops it.
package mockserver

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Server is a mock server that runs.
type Server struct {
	URL   string // http://127.0.0.1:PORT
	input io.Closer
	ended chan error
}

// Start starts the server on a free port.  The options are those of the command line.
func Start(script string, options ...string) (*Server, error) {
	python := os.Getenv("PYTHON")
	if python == "" {
		python = "python3"
	}
	options = append([]string{script, "0"}, options...)
	command := exec.Command(python, append(options, "--log", "off", "--exit-on-stdin-close")...)
	var complaint bytes.Buffer
	command.Stderr = &complaint
	// The server ends when this pipe closes: with Stop, and also when the test is killed.
	input, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("the mock server needs Python; PYTHON may name it: %w", err)
	}
	line, _ := bufio.NewReader(output).ReadString('\n')
	address, listens := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if !listens { // it has ended, and has said why on standard error
		err := command.Wait()
		return nil, fmt.Errorf("the mock server did not start (%v): %s", err, &complaint)
	}
	server := &Server{URL: address, input: input, ended: make(chan error, 1)}
	go func() { server.ended <- command.Wait() }()
	return server, nil
}

// Stop stops the server; answers under way have two seconds to finish.  A second one does nothing.
func (s *Server) Stop() error {
	s.input.Close()
	select {
	case err := <-s.ended:
		s.ended <- err
		return err
	case <-time.After(10 * time.Second):
		return fmt.Errorf("the mock server at %s does not stop", s.URL)
	}
}

// Session is one test's part of the server, with mocks and a journal that no other test sees.
type Session struct {
	URL string // what the code under test gets as the address of its provider
}

// Session begins an empty session.
func (s *Server) Session(name string) (Session, error) {
	session := Session{URL: s.URL + "/@" + url.PathEscape(name)}
	return session, session.Control("reset", nil, nil)
}

// Control posts to the control API of a session, and reads the answer into a value.  A nil body is
// none, and of a nil answer nothing is read.
func (s Session) Control(path string, body, answer any) error {
	var text []byte
	var err error
	if body != nil {
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	response, err := http.Post(s.URL+"/__mock__/"+path, "application/json", bytes.NewReader(text))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err = io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= 300 {
		return fmt.Errorf("%s: %s: %s", path, response.Status, text)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}
