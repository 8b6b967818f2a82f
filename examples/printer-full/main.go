// Command pages serves a page that Node.js programs made, and that is embedded here. It says where, then serves until
// it is ended.
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
