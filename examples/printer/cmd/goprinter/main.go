// Command goprinter prints without C.
package main

import (
	"fmt"
	"runtime"
)

var version = "unknown"

func main() {
	fmt.Printf("goprinter %s: Go on %s\n", version, runtime.GOARCH)
}
