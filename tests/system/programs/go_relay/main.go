// A service that makes calls for each request, and the backend it calls, for the tests of links.
//
//	go_relay backend LOG                          answers after 0 to 8 ms; logs "peer port, truth" for every request in order
//	go_relay relay BACKEND_PORT MODE CALLS        per request, CALLS calls one after the other; MODE: new (a connection for each
//	                                              call), pooled, storm (pooled, while a goroutine starts 200 others
//	                                              each millisecond), parallel (each call in a goroutine of its own, over a
//	                                              pool) or outlive (in a goroutine that calls after the answer); copies the
//	                                              request's header X-Gt onto its calls
//
// Prints the port it listens on. The truth is in a header only: all paths are equal.
package main

import (
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

func backend(logPath string) http.Handler {
	file, err := os.Create(logPath)
	if err != nil {
		panic(err)
	}
	var lock sync.Mutex
	return http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		_, port, _ := net.SplitHostPort(request.RemoteAddr)
		lock.Lock()
		fmt.Fprintf(file, "%s\t%s\n", port, request.Header.Get("X-Gt"))
		pause := time.Duration(rand.Intn(8000)) * time.Microsecond
		lock.Unlock()
		time.Sleep(pause)
		io.WriteString(writer, "ok")
	})
}

func storm() {
	for range time.Tick(time.Millisecond) {
		for i := 0; i < 200; i++ {
			go func() {}()
		}
	}
}

func relay(port string, mode string, calls int) http.Handler {
	transport := &http.Transport{DisableKeepAlives: mode == "new", MaxIdleConnsPerHost: 100}
	client := &http.Client{Transport: transport}
	do := func(truth string) {
		call, _ := http.NewRequest("GET", "http://127.0.0.1:"+port+"/work", nil)
		call.Header.Set("X-Gt", truth)
		response, err := client.Do(call)
		if err != nil {
			panic(err)
		}
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}
	return http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		truth := request.Header.Get("X-Gt")
		var group sync.WaitGroup
		for i := 0; i < calls; i++ {
			switch mode {
			case "parallel":
				group.Add(1)
				go func() {
					defer group.Done()
					do(truth)
				}()
			case "outlive":
				go func() {
					<-request.Context().Done() // when the answer is written
					do(truth)
				}()
			default:
				do(truth)
			}
		}
		group.Wait()
		io.WriteString(writer, "ok")
	})
}

func main() {
	var handler http.Handler
	switch os.Args[1] {
	case "backend":
		handler = backend(os.Args[2])
	case "relay":
		calls, err := strconv.Atoi(os.Args[4])
		if err != nil {
			panic(err)
		}
		handler = relay(os.Args[2], os.Args[3], calls)
		if os.Args[3] == "storm" {
			go storm()
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Printf("port %d\n", listener.Addr().(*net.TCPAddr).Port)
	panic(http.Serve(listener, handler))
}
