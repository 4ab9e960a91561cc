package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of processor times in /proc. Linux: proc(5), USER_HZ.
const clockTick = 10 * time.Millisecond

// machine describes in one line where the figures come from.
func machine() string {
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		load = []byte("unknown")
	}
	return fmt.Sprintf("%s/%s, %d processors, %s, load average at the start %s",
		runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version(), strings.Join(strings.Fields(string(load))[:1], " "))
}

// processorTime is how long a process has run on processors, its kernel time included.
func processorTime(pid int) (time.Duration, error) {
	s, err := readStat(pid)
	return s.own, err
}

// stat is what Linux tells about a process: proc(5), /proc/pid/stat.
type stat struct {
	parent   int
	own      time.Duration // processor time
	children time.Duration // that of its children that have ended
}

func readStat(pid int) (stat, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, fmt.Errorf("read the processor time of process %d: %w", pid, err)
	}
	// The name, in brackets, may hold anything.
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 15 {
		return stat{}, fmt.Errorf("read the processor time of process %d: it has %d fields", pid, len(fields))
	}
	var numbers [5]int64
	for i, field := range []string{fields[1], fields[11], fields[12], fields[13], fields[14]} {
		if numbers[i], err = strconv.ParseInt(field, 10, 64); err != nil {
			return stat{}, fmt.Errorf("read the processor time of process %d: %w", pid, err)
		}
	}
	return stat{
		parent: int(numbers[0]), own: time.Duration(numbers[1]+numbers[2]) * clockTick,
		children: time.Duration(numbers[3]+numbers[4]) * clockTick,
	}, nil
}

// peakMemory is the most memory that a process has held so far, in bytes. Linux:
// proc(5), VmHWM.
func peakMemory(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("read the memory of process %d: %w", pid, err)
	}
	for line := range strings.Lines(string(text)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kib); n == 1 {
			return kib << 10, nil
		}
	}
	return 0, fmt.Errorf("read the memory of process %d: there is no VmHWM", pid)
}
