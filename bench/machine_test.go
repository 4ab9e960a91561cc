package main

import (
	"os"
	"testing"
	"time"
)

func TestOwnProcess(t *testing.T) {
	t.Parallel()
	// Long enough to be seen: the unit is 10 ms.
	for started := time.Now(); time.Since(started) < 60*time.Millisecond; {
		_ = machine()
	}
	s, err := readStat(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if s.parent != os.Getppid() {
		t.Errorf("the parent is %d, want %d", s.parent, os.Getppid())
	}
	if s.own <= 0 {
		t.Errorf("the processor time is %s", s.own)
	}
	peak, err := peakMemory(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if peak < 1<<20 || peak > 1<<34 {
		t.Errorf("the peak of memory is %d bytes", peak)
	}
}

func TestNoSuchProcess(t *testing.T) {
	t.Parallel()
	const nobody = 1 << 30
	if s, err := readStat(nobody); err == nil {
		t.Errorf("readStat = %+v, want an error", s)
	}
	if peak, err := peakMemory(nobody); err == nil {
		t.Errorf("peakMemory = %d, want an error", peak)
	}
}
