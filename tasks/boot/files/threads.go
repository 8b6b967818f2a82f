// Threads, files and timers as Go's runtime uses them. Prints one line.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"
)

func main() {
	var group sync.WaitGroup
	var mutex sync.Mutex
	count := 0
	for range 8 {
		group.Add(1)
		go func() {
			defer group.Done()
			runtime.LockOSThread()
			for range 1000 {
				mutex.Lock()
				count++
				mutex.Unlock()
			}
			time.Sleep(time.Millisecond)
		}()
	}
	group.Wait()
	if _, err := os.ReadDir("/proc/self/fd"); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Printf("8 threads counted to %d on %s\n", count, runtime.GOARCH)
	if count != 8000 {
		os.Exit(1)
	}
}
