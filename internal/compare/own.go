package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// startOwn starts a Lictor server on loopback with a data directory in dir. stop ends it and waits until it is gone.
func startOwn(ctx context.Context, binary, dir string) (_ *target, stop func() error, err error) {
	ports, err := freePorts(4)
	if err != nil {
		return nil, nil, err
	}
	logPath := filepath.Join(dir, "server.log")
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, err
	}
	defer log.Close()
	cmd := exec.CommandContext(ctx, binary, "agent", "-server", "-bootstrap-expect=1", "-bind=127.0.0.1",
		"-data-dir="+filepath.Join(dir, "data"), "-http-port="+ports[0], "-server-port="+ports[1],
		"-hcl", fmt.Sprintf("performance { raft_multiplier = 1 } ports { serf_lan = %s serf_wan = %s }", ports[2], ports[3]))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	stop = func() error { return end(cmd, ended) }
	t := newTarget("lictor", net.JoinHostPort("127.0.0.1", ports[0]), cmd.Process.Pid)
	t.binary = binary
	if err := t.await(ctx, ended); err != nil {
		text, _ := os.ReadFile(logPath)
		return nil, nil, errors.Join(fmt.Errorf("start %s: %w\n%s", binary, err, bytes.TrimSpace(text)), stop())
	}
	return t, stop, nil
}

// end stops a server. A server that a signal stopped has exit status 1, and that is no failure.
func end(cmd *exec.Cmd, ended <-chan error) error {
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-ended:
		return nil
	case <-time.After(20 * time.Second):
		return errors.Join(errors.New("the server did not stop in 20 s and was killed"), cmd.Process.Kill())
	}
}

// await returns once the server takes writes.
func (t *target) await(ctx context.Context, ended <-chan error) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var last error
	for {
		resp, err := t.do(ctx, http.MethodPut, "/v1/kv/"+keyPrefix+"ready", http.NoBody, 0, http.StatusOK)
		if err == nil {
			_, err := io.Copy(io.Discard, resp.Body)
			return errors.Join(err, resp.Body.Close())
		}
		if last == nil || ctx.Err() == nil {
			last = err
		}
		select {
		case <-ended:
			return errors.New("the server has ended")
		case <-ctx.Done():
			return last
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// freePorts returns ports on loopback that were free a moment ago.
func freePorts(n int) (ports []string, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports = append(ports, strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	}
	return ports, nil
}
