// load reads event streams from a server on this machine, and says how fast and how punctually they came.
//
//	load -address 127.0.0.1:5001 -body request.json -events 103 -streams 16 -seconds 2
//	load -address 127.0.0.1:5001 -body request.json -events 50 -streams 1000 -apart 20ms -text answer.txt
//
// Without -apart each connection asks again as soon as its stream ends, for -seconds or until -answers have come.
// With it each asks once, all at the same moment; every arrival is kept, and the text of each stream is checked.
// One thread and one epoll, so that on a machine with two cores the server has the other.  Prints one JSON object.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"
)

var (
	address = flag.String("address", "", "where the server listens: a loopback address and a port")
	path    = flag.String("path", "/v1/chat/completions", "what to ask for")
	body    = flag.String("body", "", "file with the request's body")
	streams = flag.Int("streams", 1, "connections at once")
	events  = flag.Int("events", 0, "events that each answer must have")
	seconds = flag.Float64("seconds", 2, "how long to go on asking")
	answers = flag.Int("answers", 0, "stop after this many answers, however long that takes")
	apart   = flag.Duration("apart", 0, "pause between events that the server was told to make; each connection asks once")
	text    = flag.String("text", "", "file with the text that each stream must carry (with -apart)")
	vary    = flag.String("vary", "", "digits in the body to count up from, so that no two requests are alike")
	patient = flag.Duration("patience", 20*time.Second, "give up what has not ended this long after it should have")
)

var ending = []byte("\r\n0\r\n\r\n")

// A stream is one connection and what has come of its present answer.
type stream struct {
	fd       int
	unsent   []byte          // what is left of the request
	last     []byte          // the last bytes read: an event's end or the answer's may lie across two reads
	count    int             // events of this answer
	started  bool            // whether any byte of this answer has come
	refused  bool            // whether its status is not 200
	arrivals []time.Duration // since the start, one an event
	kept     []byte          // all bytes
	done     bool
}

type load struct {
	epoll    int
	target   syscall.SockaddrInet4
	request  []byte
	number   int // where the digits of -vary stand in it
	streams  []*stream
	byFd     map[int]*stream
	start    time.Time
	open     int // connections that wait for something
	Events   int
	Answers  int
	Broken   int
	problems map[string]int
}

func main() {
	flag.Parse()
	runtime.GOMAXPROCS(1)
	runtime.LockOSThread()
	debug.SetGCPercent(1000)
	data, err := os.ReadFile(*body)
	check(err)
	host, port, err := net.SplitHostPort(*address)
	check(err)
	ip, number := net.ParseIP(host).To4(), must(strconv.Atoi(port))
	if ip == nil || !ip.IsLoopback() {
		check(fmt.Errorf("%s is not a loopback address", *address))
	}
	l := &load{byFd: map[int]*stream{}, problems: map[string]int{}}
	l.target = syscall.SockaddrInet4{Port: number, Addr: [4]byte(ip)}
	l.request = []byte(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"+
		"Authorization: Bearer benchmark\r\nContent-Length: %d\r\n\r\n%s", *path, *address, len(data), data))
	if l.number = bytes.Index(l.request, []byte(*vary)); l.number < 0 {
		check(fmt.Errorf("%s is not in the body", *vary))
	}
	l.epoll = must(syscall.EpollCreate1(0))
	l.start = time.Now()
	for i := 0; i < *streams; i++ {
		s := &stream{}
		l.streams = append(l.streams, s)
		l.connect(s)
	}
	l.run()
	report(l)
}

// next is the next request.
func (l *load) next() []byte {
	for i := l.number + len(*vary) - 1; i >= l.number; i-- {
		if l.request[i]++; l.request[i] <= '9' {
			break
		}
		l.request[i] = '0'
	}
	return l.request
}

func (l *load) connect(s *stream) {
	s.fd = must(syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0))
	check(syscall.SetsockoptInt(s.fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1))
	if err := syscall.Connect(s.fd, &l.target); err != nil && err != syscall.EINPROGRESS {
		check(err)
	}
	l.byFd[s.fd], s.unsent = s, bytes.Clone(l.next())
	l.open++
	check(syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_ADD, s.fd,
		&syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLOUT, Fd: int32(s.fd)}))
}

func (l *load) run() {
	length := time.Duration(*seconds * float64(time.Second))
	if *apart > 0 {
		length = *apart * time.Duration(*events)
	} else if *answers > 0 {
		length = 120 * time.Second
	}
	ready, buffer := make([]syscall.EpollEvent, 1024), make([]byte, 256*1024)
	for l.open > 0 {
		n, err := syscall.EpollWait(l.epoll, ready, 100)
		if err != nil && err != syscall.EINTR {
			check(err)
		}
		since := time.Since(l.start)
		if since > length+*patient {
			l.problems["not ended in time"] += l.open
			l.Broken += l.open
			return
		}
		for i := 0; i < n; i++ {
			s := l.byFd[int(ready[i].Fd)]
			if len(s.unsent) > 0 && ready[i].Events&(syscall.EPOLLOUT|syscall.EPOLLERR|syscall.EPOLLHUP) != 0 {
				l.send(s)
			}
			if !s.done && ready[i].Events&syscall.EPOLLIN != 0 {
				l.read(s, buffer, length)
			}
		}
	}
}

func (l *load) send(s *stream) {
	n, err := syscall.Write(s.fd, s.unsent)
	if err == syscall.EAGAIN {
		return
	}
	if err != nil {
		l.finish(s, "sending: "+err.Error())
		return
	}
	if s.unsent = s.unsent[n:]; len(s.unsent) == 0 {
		check(syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_MOD, s.fd,
			&syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(s.fd)}))
	}
}

func (l *load) read(s *stream, buffer []byte, length time.Duration) {
	kept := copy(buffer, s.last)
	n, err := syscall.Read(s.fd, buffer[kept:])
	if err == syscall.EAGAIN {
		return
	}
	if err != nil || n <= 0 {
		l.finish(s, fmt.Sprintf("ended early: %v", err))
		return
	}
	now := time.Since(l.start)
	if !s.started {
		s.started, s.refused = true, !bytes.HasPrefix(buffer[kept:kept+n], []byte("HTTP/1.1 200"))
	}
	// The bytes kept from last time end no event of their own but the one counted, so look from their last byte.
	found := bytes.Count(buffer[max(0, kept-1):kept+n], []byte("\n\n"))
	s.count += found
	if now <= length || *answers > 0 || *apart > 0 {
		l.Events += found
	}
	if *apart > 0 {
		s.kept = append(s.kept, buffer[kept:kept+n]...)
		for ; found > 0; found-- {
			s.arrivals = append(s.arrivals, now)
		}
	}
	all := buffer[:kept+n]
	s.last = append(s.last[:0], all[max(0, len(all)-len(ending)):]...)
	if bytes.HasSuffix(all, ending) {
		l.ended(s, now, length)
	}
}

// ended takes an answer that is complete, and asks again if there is time.
func (l *load) ended(s *stream, now, length time.Duration) {
	l.Answers++
	if s.refused || s.count != *events {
		l.finish(s, fmt.Sprintf("%d events instead of %d", s.count, *events))
		return
	}
	if *apart > 0 || now > length || *answers > 0 && l.Answers >= *answers {
		l.finish(s, "")
		return
	}
	s.count, s.started, s.last = 0, false, s.last[:0]
	n, err := syscall.Write(s.fd, l.next()) // a small request fits into an empty socket buffer
	if err != nil || n != len(l.request) {
		l.finish(s, fmt.Sprintf("asking again: %v", err))
	}
}

func (l *load) finish(s *stream, problem string) {
	if problem != "" {
		l.Broken++
		l.problems[problem]++
	}
	s.done = true
	l.open--
	delete(l.byFd, s.fd)
	syscall.Close(s.fd)
}

func report(l *load) {
	result := map[string]any{"events": l.Events, "answers": l.Answers, "broken": l.Broken, "problems": l.problems,
		"seconds": min(*seconds, time.Since(l.start).Seconds())}
	if *answers > 0 {
		result["seconds"] = time.Since(l.start).Seconds()
	}
	if *apart > 0 {
		want := strings.TrimSpace(string(must(os.ReadFile(*text))))
		var begun time.Duration
		var late []float64
		intact := 0
		for _, s := range l.streams {
			for i, at := range s.arrivals {
				late = append(late, float64(at-s.arrivals[0]-time.Duration(i)**apart)/1e6)
			}
			if len(s.arrivals) > 0 {
				begun = max(begun, s.arrivals[0])
			}
			if len(s.arrivals) == *events && strings.TrimSpace(carried(s.kept)) == want {
				intact++
			}
		}
		sort.Float64s(late)
		result["intact"], result["begun_ms"] = intact, float64(begun)/1e6
		result["late_p50_ms"], result["late_p99_ms"] = percentile(late, 0.50), percentile(late, 0.99)
	}
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	result["cpu_seconds"] = float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
	check(json.NewEncoder(os.Stdout).Encode(result))
}

// carried is the text of a whole chunked event stream of chat.completion.chunk objects.
func carried(answer []byte) string {
	_, rest, _ := bytes.Cut(answer, []byte("\r\n\r\n"))
	var plain bytes.Buffer
	for {
		size, after, found := bytes.Cut(rest, []byte("\r\n"))
		n, err := strconv.ParseUint(string(size), 16, 31)
		if !found || err != nil || int(n)+2 > len(after) {
			return "not chunked"
		}
		if n == 0 {
			break
		}
		plain.Write(after[:n])
		rest = after[n+2:]
	}
	var words strings.Builder
	for _, event := range strings.Split(plain.String(), "\n\n") {
		var chunk struct {
			Choices []struct {
				Delta struct{ Content string }
			}
		}
		if json.Unmarshal([]byte(strings.TrimPrefix(event, "data: ")), &chunk) == nil && len(chunk.Choices) > 0 {
			words.WriteString(chunk.Choices[0].Delta.Content)
		}
	}
	return words.String()
}

func percentile(sorted []float64, share float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}
