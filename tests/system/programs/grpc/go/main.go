// A gRPC server, and a client that logs what each of its calls came to: grpc-go, without generated code. Usage, behaviours and log
// as in ../peer.py.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

const (
	messages = 5
	deadline = 300 * time.Millisecond
)

var (
	body       = []byte(strings.Repeat("m", 1000))
	behaviours = []string{"Unary", "NotFound", "Internal", "Download", "Upload", "Chat", "Late", "Endless", "Slow", "Missing"}
)

// raw hands a message's bytes through.
type raw struct{}

func (raw) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (raw) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = append([]byte(nil), data...)
	return nil
}
func (raw) Name() string { return "raw" }

func behaviourOf(path string) string {
	name := path[strings.LastIndexByte(path, '/')+1:]
	name, _, _ = strings.Cut(name, "-")
	return name
}

func serveCall(_ any, stream grpc.ServerStream) error {
	path, _ := grpc.MethodFromServerStream(stream)
	behaviour := behaviourOf(path)
	if behaviour == "Missing" {
		return status.Error(codes.Unimplemented, "no such method")
	}
	var request []byte
	if err := stream.RecvMsg(&request); err != nil {
		return err
	}
	switch behaviour {
	case "Unary":
		return stream.SendMsg(&request)
	case "NotFound":
		return status.Error(codes.NotFound, "as asked")
	case "Internal":
		return status.Error(codes.Internal, "as asked")
	case "Download":
		for i := 0; i < messages; i++ {
			if err := stream.SendMsg(&body); err != nil {
				return err
			}
		}
		return nil
	case "Upload", "Chat":
		for total := 0; ; {
			total += len(request)
			if behaviour == "Chat" {
				if err := stream.SendMsg(&request); err != nil {
					return err
				}
			}
			err := stream.RecvMsg(&request)
			if err == io.EOF && behaviour == "Upload" {
				answer := []byte(strconv.Itoa(total))
				return stream.SendMsg(&answer)
			}
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
		}
	case "Late":
		if err := stream.SendMsg(&body); err != nil {
			return err
		}
		return status.Error(codes.Aborted, "after a message")
	case "Endless":
		if err := stream.SendMsg(&body); err != nil {
			return err
		}
		<-stream.Context().Done()
		return status.FromContextError(stream.Context().Err()).Err()
	default: // Slow
		<-stream.Context().Done()
		return status.FromContextError(stream.Context().Err()).Err()
	}
}

func serve() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := grpc.NewServer(grpc.ForceServerCodec(raw{}), grpc.UnknownServiceHandler(serveCall))
	fmt.Println("listening", listener.Addr().(*net.TCPAddr).Port)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		server.Stop()
	}()
	return server.Serve(listener)
}

// call returns nil for the status OK.
func call(connection *grpc.ClientConn, behaviour, path string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if behaviour == "Slow" {
		ctx, cancel = context.WithTimeout(ctx, deadline)
		defer cancel()
	}
	streams := &grpc.StreamDesc{ClientStreams: behaviour == "Upload" || behaviour == "Chat",
		ServerStreams: behaviour == "Download" || behaviour == "Chat" || behaviour == "Late" || behaviour == "Endless"}
	var response []byte
	if !streams.ClientStreams && !streams.ServerStreams {
		return connection.Invoke(ctx, path, &body, &response)
	}
	stream, err := connection.NewStream(ctx, streams, path)
	if err != nil {
		return err
	}
	count := 1
	if streams.ClientStreams {
		count = messages
	}
	for i := 0; i < count; i++ {
		if err := stream.SendMsg(&body); err != nil {
			return err
		}
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	for {
		if err := stream.RecvMsg(&response); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if behaviour == "Endless" {
			cancel()
		}
		if !streams.ServerStreams {
			return nil
		}
	}
}

// As StatusCode of grpcio names it.
func nameOf(code codes.Code) string {
	names := map[codes.Code]string{codes.OK: "OK", codes.Canceled: "CANCELLED", codes.DeadlineExceeded: "DEADLINE_EXCEEDED",
		codes.NotFound: "NOT_FOUND", codes.Aborted: "ABORTED", codes.Unimplemented: "UNIMPLEMENTED", codes.Internal: "INTERNAL"}
	if name, ok := names[code]; ok {
		return name
	}
	return code.String()
}

func runClient(port, logPath, rounds, concurrency string, isEarly bool) error {
	connection, err := grpc.NewClient("passthrough:///127.0.0.1:"+port, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{})))
	if err != nil {
		return err
	}
	defer connection.Close()
	log, err := os.Create(logPath)
	if err != nil {
		return err
	}
	defer log.Close()
	count, _ := strconv.Atoi(rounds)
	count *= len(behaviours)
	if isEarly {
		if err := call(connection, "Unary", fmt.Sprintf("/lab.Echo/Unary-%d", count)); err != nil {
			return err
		}
	}
	fmt.Println("ready")
	os.Stdin.Read(make([]byte, 3))
	connection.Connect() // a deadline is not to pass before the call is sent
	for state := connection.GetState(); state != connectivity.Ready; state = connection.GetState() {
		connection.WaitForStateChange(context.Background(), state)
	}
	workers, _ := strconv.Atoi(concurrency)
	numbers := make(chan int)
	var lock sync.Mutex
	var group sync.WaitGroup
	encoder := json.NewEncoder(log)
	for i := 0; i < workers; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for number := range numbers {
				behaviour := behaviours[number%len(behaviours)]
				method := fmt.Sprintf("lab.Echo/%s-%d", behaviour, number)
				code := status.Code(call(connection, behaviour, "/"+method))
				lock.Lock()
				encoder.Encode(map[string]string{"method": method, "status": nameOf(code)})
				lock.Unlock()
			}
		}()
	}
	for number := 0; number < count; number++ {
		numbers <- number
	}
	close(numbers)
	group.Wait()
	return nil
}

func main() {
	var err error
	if os.Args[1] == "server" {
		err = serve()
	} else {
		err = runClient(os.Args[2], os.Args[3], os.Args[4], os.Args[5], len(os.Args) > 6)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
