// A Go net/http client with an exact log. go_client PORT LOG COUNT: COUNT requests by 4 goroutines through one pooled transport.
// Log: local port, connection, sequence, method, target, user agent, trace id or "-", status.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"strconv"
	"strings"
	"sync"
)

func main() {
	log, err := os.Create(os.Args[2])
	if err != nil {
		panic(err)
	}
	count, _ := strconv.Atoi(os.Args[3])
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 4, MaxIdleConnsPerHost: 4}}
	statuses := []int{200, 404, 503}
	var lock sync.Mutex
	var group sync.WaitGroup
	for worker := 0; worker < 4; worker++ {
		group.Add(1)
		go func(worker int) {
			defer group.Done()
			for number := worker; number < count; number += 4 {
				target := fmt.Sprintf("/s/%d/go-%d-%d", statuses[number%3], os.Getpid(), number)
				agent := fmt.Sprintf("go-client/%d.%d", os.Getpid(), number)
				method, body := "GET", io.Reader(nil)
				if number%5 == 4 {
					method, body = "POST", strings.NewReader(strings.Repeat("x", number*13%3000))
				}
				local := 0
				request, err := http.NewRequest(method, "http://127.0.0.1:"+os.Args[1]+target, body)
				if err != nil {
					panic(err)
				}
				request.Header.Set("User-Agent", agent)
				trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
					local = info.Conn.LocalAddr().(*net.TCPAddr).Port
				}}
				response, err := client.Do(request.WithContext(httptrace.WithClientTrace(request.Context(), trace)))
				if err != nil {
					panic(err)
				}
				io.Copy(io.Discard, response.Body)
				response.Body.Close()
				lock.Lock()
				fmt.Fprintf(log, "%d\t%d\t%d\t%s\t%s\t%s\t-\t%d\n", local, worker, number, method, target, agent, response.StatusCode)
				lock.Unlock()
			}
		}(worker)
	}
	group.Wait()
}
