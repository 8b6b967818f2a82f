// Servers that a boot's resource types are tried against, each in the place of one on the internet.
//
// Each is begun as `stand-ins KIND -listen ADDRESS -folder FOLDER ...`, and serves until it is ended.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
)

// options are the same for all kinds; each takes what it needs.
type options struct {
	folder      string
	address     string
	user        string
	password    string
	userKey     string
	lfs         string
	bucket      string
	certificate string
}

// A server serves on the listener until that is closed.
type server func(net.Listener) error

// A kind makes ready all that it serves and writes: whoever can reach the server finds it there.
var kinds = map[string]func(options) (server, error){
	"git-http":   gitHTTP,
	"git-ssh":    gitSSH,
	"github-api": gitHubAPI,
	"https":      https,
	"s3":         s3,
}

// overHTTP is a server of the handler, with a line in the log for each request.
func overHTTP(handler http.Handler) server {
	return func(listener net.Listener) error { return http.Serve(listener, logged(handler)) }
}

func main() {
	log.SetFlags(log.Ltime)
	if len(os.Args) < 2 || kinds[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "stand-ins: which kind of server?")
		os.Exit(2)
	}
	var o options
	words := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	listen := words.String("listen", "127.0.0.1:0", "where to listen")
	words.StringVar(&o.folder, "folder", ".", "what it serves")
	words.StringVar(&o.address, "address", "", "HOST:PORT that clients know it by")
	words.StringVar(&o.user, "user", "", "who may come")
	words.StringVar(&o.password, "password", "", "with which password or token")
	words.StringVar(&o.userKey, "user-key", "", "file that the private key which clients come with is written to")
	words.StringVar(&o.lfs, "lfs", "", "URL of the server that has LFS objects")
	words.StringVar(&o.certificate, "certificate", "", "file that the authority's certificate is written to")
	words.StringVar(&o.bucket, "bucket", "", "name of the bucket")
	_ = words.Parse(os.Args[2:])

	serve, err := kinds[os.Args[1]](o)
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(serve(listener))
}
