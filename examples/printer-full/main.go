// Command pages serves a page that Node.js programs made, and that is embedded here, and a log that grows until somebody
// asks for its end. It says where, then serves until it is ended.
package main

import (
	"embed"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"net"
	"net/http"
	"runtime"
	"sync"
	"time"
)

//go:embed public
var public embed.FS

var version = "unknown"

func main() {
	log.SetFlags(0)
	address := flag.String("listen", "127.0.0.1:0", "where to serve; port 0 is any free one")
	flag.Parse()
	files, err := fs.Sub(public, "public")
	if err != nil {
		log.Fatal(err)
	}
	http.Handle("/", http.FileServer(http.FS(files)))
	ended := make(chan struct{})
	http.HandleFunc("/log", func(answer http.ResponseWriter, request *http.Request) {
		for count := 1; ; count++ {
			fmt.Fprintf(answer, "line %d\n", count)
			answer.(http.Flusher).Flush()
			select {
			case <-ended:
				fmt.Fprintln(answer, "the end")
				return
			case <-request.Context().Done():
				return
			case <-time.After(time.Second / 5):
			}
		}
	})
	end := sync.OnceFunc(func() { close(ended) })
	http.HandleFunc("/end", func(http.ResponseWriter, *http.Request) { end() })
	http.HandleFunc("/about", func(answer http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(answer, "pages %s: Go on %s", version, runtime.GOARCH)
	})
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("pages %s: http://%s/\n", version, listener.Addr())
	log.Fatal(http.Serve(listener, nil))
}
