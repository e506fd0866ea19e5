package telemetry

import (
	"bufio"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-metrics"
)

// wanted reads lines until all that are wanted have come.
func wanted(t *testing.T, next func() (string, error), want ...string) {
	t.Helper()
	missing := map[string]bool{}
	for _, w := range want {
		missing[w] = true
	}
	for len(missing) > 0 {
		line, err := next()
		if err != nil {
			t.Fatalf("%v: did not come: %v", err, missing)
		}
		delete(missing, strings.TrimSpace(line))
	}
}

func record() {
	metrics.IncrCounter([]string{"raft", "apply"}, 2)
	metrics.SetGauge(StateNodes, 3)
	metrics.AddSampleWithLabels(APIHTTP, 4, []metrics.Label{{Name: "method", Value: "GET"}})
}

// listenUDP returns the address of a daemon and what reads the lines it gets.
func listenUDP(t *testing.T) (string, func() (string, error)) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var lines []string
	return conn.LocalAddr().String(), func() (string, error) {
		for len(lines) == 0 {
			buf := make([]byte, 1<<16)
			n, _, err := conn.ReadFrom(buf)
			if err != nil {
				return "", err
			}
			lines = strings.Split(string(buf[:n]), "\n")
		}
		line := lines[0]
		lines = lines[1:]
		return line, nil
	}
}

func TestStatsd(t *testing.T) {
	addr, next := listenUDP(t)
	c := Config{Prefix: "consul", Hostname: "node-1", FilterDefault: true, StatsdAddr: addr}
	setup(t, c)
	record()
	wanted(t, next, "consul.raft.apply:2.000000|c", "consul.node-1.state.nodes:3.000000|g", "consul.api.http.GET:4.000000|ms")
}

func TestDogstatsd(t *testing.T) {
	addr, next := listenUDP(t)
	c := Config{Prefix: "consul", Hostname: "node-1", FilterDefault: true, DogstatsdAddr: addr, DogstatsdTags: []string{"env:prod"}}
	setup(t, c)
	record()
	wanted(t, next, "consul.raft.apply:2|c|#env:prod", "consul.state.nodes:3|g|#env:prod", "consul.api.http:4.000000|ms|#env:prod,method:GET")
}

func TestStatsite(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	c := plain()
	c.StatsiteAddr = l.Addr().String()
	setup(t, c)
	record()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(conn)
	next := func() (string, error) { return lines.ReadString('\n') }
	wanted(t, next, "consul.raft.apply:2.000000|c", "consul.state.nodes:3.000000|g", "consul.api.http.GET:4.000000|ms")
}
