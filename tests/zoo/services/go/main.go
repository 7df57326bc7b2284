// A service of the zoo on goroutines: service BACKEND_PORT new|pool|par|parnew|sleep|sleepnew
package main

import (
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

var backend, mode = os.Args[1], os.Args[2]
var client *http.Client

func call(truth string, number int) {
	request, _ := http.NewRequest("GET", "http://127.0.0.1:"+backend+"/b", nil)
	request.Header.Set("X-Gt", fmt.Sprintf("%s/%d", truth, number))
	response, err := client.Do(request)
	if err != nil {
		return
	}
	io.Copy(io.Discard, response.Body)
	response.Body.Close()
}

func serve(response http.ResponseWriter, request *http.Request) {
	truth := request.Header.Get("X-Gt")
	switch mode {
	case "par", "parnew":
		var both sync.WaitGroup
		for number := 0; number < 2; number++ {
			both.Add(1)
			go func(number int) { defer both.Done(); call(truth, number) }(number)
		}
		both.Wait()
	case "sleep", "sleepnew":
		for number := 0; number < 2; number++ {
			time.Sleep(time.Duration(1000+rand.Intn(4000)) * time.Microsecond)
			call(truth, number)
		}
	default:
		call(truth, 0)
		call(truth, 1)
	}
	io.WriteString(response, "ok\n")
}

func main() {
	fresh := mode == "new" || mode == "parnew" || mode == "sleepnew"
	client = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: fresh, MaxIdleConnsPerHost: 1000}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("listening", listener.Addr().(*net.TCPAddr).Port)
	http.Serve(listener, http.HandlerFunc(serve))
}
