// An ordinary Go net/http service with an exact log. go_server LOG: prints `listening PORT`; /s/STATUS/ID answers STATUS.
// Log: peer port, method, target, user agent, body bytes, status.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
)

func main() {
	log, err := os.Create(os.Args[1])
	if err != nil {
		panic(err)
	}
	var lock sync.Mutex
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.Copy(io.Discard, r.Body)
		status := 404
		if parts := strings.Split(r.URL.Path, "/"); len(parts) > 2 && parts[1] == "s" {
			status, _ = strconv.Atoi(parts[2])
		}
		_, port, _ := net.SplitHostPort(r.RemoteAddr)
		lock.Lock()
		fmt.Fprintf(log, "%s\t%s\t%s\t%s\t%d\t%d\n", port, r.Method, r.RequestURI, r.UserAgent(), body, status)
		lock.Unlock()
		w.WriteHeader(status)
		if status != 204 && status != 304 {
			fmt.Fprintln(w, r.RequestURI)
		}
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println("listening", listener.Addr().(*net.TCPAddr).Port)
	panic(http.Serve(listener, handler))
}
