// A gRPC-Web server, and a client that logs what each of its calls came to, over HTTP/2 in clear text: Connect for Go, without
// generated code. Arguments, behaviours and log as in ../peer.py:
//
//	web_peer server
//	web_peer client PORT LOG ROUNDS CONCURRENCY
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"
)

const (
	messages = 5
	deadline = 300 * time.Millisecond
	// Trailers that are compressed hide the status.
	leastCompressed = 1 << 20
)

var body = []byte(strings.Repeat("m", 1000))
var behaviours = []string{"Unary", "NotFound", "Internal", "Download", "Late", "Slow", "Missing"}

// Raw messages.
type rawCodec struct{}

func (rawCodec) Name() string                        { return "proto" }
func (rawCodec) Marshal(message any) ([]byte, error) { return *message.(*[]byte), nil }
func (rawCodec) Unmarshal(data []byte, to any) error {
	*to.(*[]byte) = append([]byte(nil), data...)
	return nil
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func clearText() *http.Protocols {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	return protocols
}

// The behaviour in "/lab.Echo/Unary-3".
func behaviourOf(path string) string {
	return strings.SplitN(path[strings.LastIndex(path, "/")+1:], "-", 2)[0]
}

func refuse(code connect.Code) error { return connect.NewError(code, errors.New("as asked")) }

func answer(ctx context.Context, request *connect.Request[[]byte]) (*connect.Response[[]byte], error) {
	switch behaviourOf(request.Spec().Procedure) {
	case "NotFound":
		return nil, refuse(connect.CodeNotFound)
	case "Internal":
		return nil, refuse(connect.CodeInternal)
	case "Slow":
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return connect.NewResponse(request.Msg), nil
}

func download(_ context.Context, request *connect.Request[[]byte], stream *connect.ServerStream[[]byte]) error {
	late := behaviourOf(request.Spec().Procedure) == "Late"
	for i := 0; i < messages; i++ {
		if err := stream.Send(&body); err != nil || late {
			break
		}
	}
	if late {
		return refuse(connect.CodeAborted)
	}
	return nil
}

func serve() {
	options := []connect.HandlerOption{connect.WithCodec(rawCodec{}), connect.WithCompressMinBytes(leastCompressed)}
	handlers := map[string]http.Handler{}
	for _, behaviour := range behaviours {
		procedure := "/lab.Echo/" + behaviour
		switch behaviour {
		case "Missing":
		case "Download", "Late":
			handlers[behaviour] = connect.NewServerStreamHandler(procedure, download, options...)
		default:
			handlers[behaviour] = connect.NewUnaryHandler(procedure, answer, options...)
		}
	}
	server := &http.Server{Protocols: clearText(), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if handler := handlers[behaviourOf(r.URL.Path)]; handler != nil {
			handler.ServeHTTP(w, r)
		} else {
			http.NotFound(w, r)
		}
	})}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	fmt.Println("listening", listener.Addr().(*net.TCPAddr).Port)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	must(server.Serve(listener))
}

func call(transport *http.Client, url, behaviour string) error {
	client := connect.NewClient[[]byte, []byte](transport, url, connect.WithGRPCWeb(), connect.WithCodec(rawCodec{}))
	ctx := context.Background()
	switch behaviour {
	case "Download", "Late":
		stream, err := client.CallServerStream(ctx, connect.NewRequest(&body))
		if err != nil {
			return err
		}
		for stream.Receive() {
		}
		return errors.Join(stream.Err(), stream.Close())
	case "Slow":
		limited, cancel := context.WithTimeout(ctx, deadline)
		defer cancel()
		ctx = limited
	}
	_, err := client.CallUnary(ctx, connect.NewRequest(&body))
	return err
}

// As gRPC spells it.
func nameOf(err error) string {
	if err == nil {
		return "OK"
	}
	if name := strings.ToUpper(connect.CodeOf(err).String()); name != "CANCELED" {
		return name
	}
	return "CANCELLED"
}

func runClient(port, logPath string, rounds, concurrency int) {
	client := &http.Client{Transport: &http.Transport{Protocols: clearText()}}
	fmt.Println("ready")
	bufio.NewReader(os.Stdin).ReadString('\n')
	log, err := os.Create(logPath)
	must(err)
	var lock sync.Mutex
	var next atomic.Int64
	var workers sync.WaitGroup
	last := rounds*len(behaviours) - 1
	logCall := func(number int) {
		behaviour := behaviours[number%len(behaviours)]
		method := fmt.Sprintf("lab.Echo/%s-%d", behaviour, number)
		row, _ := json.Marshal(map[string]string{"method": method,
			"status": nameOf(call(client, "http://127.0.0.1:"+port+"/"+method, behaviour))})
		lock.Lock()
		log.Write(append(row, '\n'))
		lock.Unlock()
	}
	for i := 0; i < concurrency; i++ {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for number := int(next.Add(1)) - 1; number < last; number = int(next.Add(1)) - 1 {
				logCall(number)
			}
		}()
	}
	workers.Wait()
	logCall(last) // by then the resets of calls whose deadline passed, which nobody waits for, are sent
	must(log.Close())
}

func main() {
	if os.Args[1] == "server" {
		serve()
		return
	}
	rounds, err := strconv.Atoi(os.Args[4])
	must(err)
	concurrency, err := strconv.Atoi(os.Args[5])
	must(err)
	runClient(os.Args[2], os.Args[3], rounds, concurrency)
}
