package main

import "testing"

func TestVersionIsSetByTheLinker(t *testing.T) {
	if version != "unknown" {
		t.Errorf("without linker flags the version is %q", version)
	}
}
