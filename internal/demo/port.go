package demo

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
)

// freePorts returns ports on which nobody listens at the moment, with TCP or UDP. They are below those that systems hand out to
// clients: the connections of the first server shall not take the place of the next.
func freePorts(n int) (ports []int, err error) {
	const first, count, tries = 10000, 20000, 1000
	for range tries {
		if len(ports) == n {
			return ports, nil
		}
		port := first + rand.IntN(count)
		stream, err := net.Listen("tcp", loopback(port))
		if err != nil {
			continue
		}
		defer stream.Close() // none is found twice
		packets, err := net.ListenPacket("udp", loopback(port))
		if err != nil {
			continue
		}
		defer packets.Close()
		ports = append(ports, port)
	}
	return nil, errors.New("no free ports found on 127.0.0.1")
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}
