// Command printer prints through a C library.
package main

/*
#cgo pkg-config: libprinter
#include <stdlib.h>
#include "print.h"
*/
import "C"

import (
	"fmt"
	"runtime"
	"unsafe"
)

var version = "unknown"

func main() {
	line := C.CString(fmt.Sprintf("printer %s: Go on %s prints through C library %s", version, runtime.GOARCH, C.PRINT_VERSION))
	defer C.free(unsafe.Pointer(line))
	C.print_line(line)
}
