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

// An own server is one that this program has started, and may kill.
type own struct {
	binary  string
	args    []string
	logPath string
	cmd     *exec.Cmd
	ended   <-chan struct{} // closed once it has
}

// startOwn starts a Lictor server on loopback with a data directory in dir, which lets so many queries wait. stop ends it and waits until it is gone.
func startOwn(ctx context.Context, binary, dir string, waiting int) (_ *target, stop func() error, err error) {
	ports, err := freePorts(4)
	if err != nil {
		return nil, nil, err
	}
	o := &own{binary: binary, logPath: filepath.Join(dir, "server.log"), args: []string{
		"agent", "-server", "-bootstrap-expect=1", "-bind=127.0.0.1",
		"-data-dir=" + filepath.Join(dir, "data"), "-http-port=" + ports[0], "-server-port=" + ports[1],
		"-hcl", fmt.Sprintf("performance { raft_multiplier = 1 } limits { http_max_conns_per_client = %d } ports { serf_lan = %s serf_wan = %s }",
			waiting+1_000, ports[2], ports[3]),
	}}
	t := newTarget("lictor", net.JoinHostPort("127.0.0.1", ports[0]), 0)
	t.binary, t.verifies, t.own = binary, true, o
	if err := o.start(ctx, t); err != nil {
		return nil, nil, err
	}
	if err := t.await(ctx, t.ready); err != nil {
		text, _ := os.ReadFile(o.logPath)
		return nil, nil, errors.Join(fmt.Errorf("start %s: %w\n%s", binary, err, bytes.TrimSpace(text)), o.stop())
	}
	return t, o.stop, nil
}

// start starts the process of a target.
func (o *own) start(ctx context.Context, t *target) error {
	log, err := os.OpenFile(o.logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.CommandContext(ctx, o.binary, o.args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // a server that a signal stopped has exit status 1, and that is no failure
		close(ended)
	}()
	o.cmd, o.ended, t.pid = cmd, ended, cmd.Process.Pid
	return nil
}

func (o *own) stop() error { return end(o.cmd, o.ended) }

// restarts kills each server of this program and starts it again, once all that was measured before is in its log and its snapshots.
func (c *comparison) restarts(ctx context.Context) error {
	return c.each(func(i int, t *target) error {
		if t.own == nil || !c.restart {
			return nil
		}
		if err := t.own.cmd.Process.Kill(); err != nil {
			return err
		}
		<-t.own.ended
		began := time.Now()
		if err := t.own.start(ctx, t); err != nil {
			return err
		}
		err := t.await(ctx, func() error { return t.checkThere(ctx, c.load) })
		if err != nil {
			return fmt.Errorf("start again: %w", err)
		}
		c.report.add(startTime, i, time.Since(began).Seconds())
		m, err := readMemory(t.pid)
		c.report.add(memoryStarted, i, megabytes(m.now))
		return err
	})
}

// end stops a server.
func end(cmd *exec.Cmd, ended <-chan struct{}) error {
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

// ready writes a key.
func (t *target) ready() error {
	resp, err := t.do(context.Background(), http.MethodPut, kvPath+keyPrefix+"ready", http.NoBody, 0, http.StatusOK)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return errors.Join(err, resp.Body.Close())
}

// await returns once a server of this program does something.
func (t *target) await(ctx context.Context, does func() error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		err := does()
		if err == nil {
			return nil
		}
		select {
		case <-t.own.ended:
			return errors.New("the server has ended")
		case <-ctx.Done():
			return err
		case <-time.After(5 * time.Millisecond):
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
