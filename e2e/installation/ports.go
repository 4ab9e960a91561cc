package installation

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Ports hands out ports below those that the system gives to outgoing
// connections: a service that is started again finds its port free.
type Ports struct {
	mu   sync.Mutex
	next int
}

const firstPort, lastPort = 20000, 29999

// Free returns an address of the loopback interface that is free now, and never
// twice the same one within a lap of 10,000.
func (p *Ports) Free() (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next == 0 {
		p.next = firstPort + rand.IntN(lastPort-firstPort) // so that two of them do not meet
	}
	for range 500 {
		if p.next++; p.next > lastPort {
			p.next = firstPort
		}
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(p.next))
		listener, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		if err := listener.Close(); err != nil {
			return "", fmt.Errorf("close the listener that found a free port: %w", err)
		}
		return address, nil
	}
	return "", errors.New("no port is free between 20000 and 30000")
}
