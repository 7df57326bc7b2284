// An HTTP/2 server in clear text, and a client that logs what each of its requests came to: golang.org/x/net/http2. Usage, behaviours
// and log as in ../peer.mjs; besides, `upgrade-server` is a server that HTTP/1 begins with (h2c).
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/h2c"
)

var (
	large      = bytes.Repeat([]byte("l"), 200_000)
	body       = bytes.Repeat([]byte("b"), 5_000)
	behaviours = []string{"Get", "Missing", "Error", "Echo", "Large", "Abort", "Cancel", "CancelLate"}
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func behaviourOf(path string) string { return strings.SplitN(path[1:], "-", 2)[0] }

func handle(w http.ResponseWriter, r *http.Request) {
	switch behaviourOf(r.URL.Path) {
	case "Get":
		io.WriteString(w, "hello")
	case "Missing":
		w.WriteHeader(404)
	case "Error":
		w.WriteHeader(500)
		io.WriteString(w, "as asked")
	case "Echo":
		received, _ := io.ReadAll(r.Body)
		w.Write(received)
	case "Large":
		w.Write(large)
	case "Abort":
		panic(http.ErrAbortHandler)
	case "CancelLate":
		io.WriteString(w, "one part")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	default: // Cancel: nothing, until the client goes
		<-r.Context().Done()
	}
}

func serve() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	fmt.Println("listening", listener.Addr().(*net.TCPAddr).Port)
	go func() {
		for {
			conn, err := listener.Accept()
			must(err)
			go new(http2.Server).ServeConn(conn, &http2.ServeConnOpts{Handler: http.HandlerFunc(handle)})
		}
	}()
	io.Copy(io.Discard, os.Stdin)
}

func serveUpgraded() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	fmt.Println("listening", listener.Addr().(*net.TCPAddr).Port)
	server := &http.Server{Handler: h2c.NewHandler(http.HandlerFunc(handle), &http2.Server{})}
	go server.Serve(listener)
	io.Copy(io.Discard, os.Stdin)
}

type row struct {
	Path   string `json:"path"`
	Status *int   `json:"status"`
	Reset  *int   `json:"reset"`
}

func ask(conn *http2.ClientConn, path string) row {
	behaviour := behaviourOf(path)
	wrote := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { close(wrote) }})
	method, content := "GET", io.Reader(nil)
	if behaviour == "Echo" {
		method, content = "POST", bytes.NewReader(body)
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://127.0.0.1"+path, content)
	must(err)
	if behaviour == "Cancel" { // once the ping is answered the server has read the request
		go func() {
			<-wrote
			conn.Ping(context.Background())
			cancel()
		}()
	}
	told := row{Path: path}
	response, err := conn.RoundTrip(request)
	if err == nil {
		told.Status = &response.StatusCode
		if behaviour == "CancelLate" {
			io.ReadFull(response.Body, make([]byte, 1))
			cancel()
		}
		_, err = io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}
	var reset http2.StreamError
	if errors.As(err, &reset) {
		code := int(reset.Code)
		told.Reset = &code
	} else if errors.Is(err, context.Canceled) {
		code := int(http2.ErrCodeCancel)
		told.Reset = &code
	} else {
		must(err)
	}
	return told
}

func runClient(port, logPath string, rounds, concurrency int) {
	fmt.Println("ready")
	fmt.Scanln()
	socket, err := net.Dial("tcp", "127.0.0.1:"+port)
	must(err)
	conn, err := (&http2.Transport{AllowHTTP: true}).NewClientConn(socket)
	must(err)
	rows := make([]row, rounds*len(behaviours))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range concurrency {
		workers.Go(func() {
			for number := int(next.Add(1)) - 1; number < len(rows); number = int(next.Add(1)) - 1 {
				rows[number] = ask(conn, fmt.Sprintf("/%s-%d", behaviours[number%len(behaviours)], number))
			}
		})
	}
	workers.Wait()
	log, err := os.Create(logPath)
	must(err)
	for _, told := range rows {
		must(json.NewEncoder(log).Encode(told))
	}
	must(log.Close())
	conn.Close()
}

func main() {
	switch os.Args[1] {
	case "server":
		serve()
		return
	case "upgrade-server":
		serveUpgraded()
		return
	}
	rounds, err := strconv.Atoi(os.Args[4])
	must(err)
	concurrency, err := strconv.Atoi(os.Args[5])
	must(err)
	runClient(os.Args[2], os.Args[3], rounds, concurrency)
}
