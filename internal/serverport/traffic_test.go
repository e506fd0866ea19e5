package serverport

import (
	"bytes"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/lictor-dr/lictor/internal/forward"
)

func quietLog() *log.Logger { return log.New(io.Discard, "", 0) }

// securities are the ways in which a cluster may be secured.
func securities(t *testing.T) map[string]Security {
	ca := newAuthority(t)
	return map[string]Security{
		"plaintext": {},
		"TLS":       always(&identity{certificate: ca.issue(serverName, time.Hour), authorities: pool(ca), required: true}),
	}
}

// Requests go through as HTTP/2, large bodies both ways at once, and many on one connection.
func TestRequests(t *testing.T) {
	for name, security := range securities(t) {
		t.Run(name, func(t *testing.T) {
			p := open(t, time.Minute, security)
			s := forward.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if req.ProtoMajor != 2 || req.TLS != nil {
					t.Errorf("%s, TLS is %v", req.Proto, req.TLS)
				}
				io.Copy(w, req.Body)
			}), 0, hclog.NewNullLogger())
			l := p.Listener(Requests, nil)
			var serving, asking sync.WaitGroup
			serving.Go(func() { _ = s.Serve(l) })
			defer serving.Wait()
			defer s.Close()
			dials := make(chan struct{}, 100)
			tr := forward.NewTransport(func(ctx context.Context, address string) (net.Conn, error) {
				dials <- struct{}{}
				return Dialer{security}.Dial(ctx, "dc1", Requests, address)
			})
			defer tr.Close()
			ask := func(body []byte) {
				req, err := http.NewRequestWithContext(t.Context(), "PUT", "/x", bytes.NewReader(body))
				if err != nil {
					t.Error(err)
					return
				}
				resp, err := tr.Send(req, p.Addr().String(), forward.Mark{})
				if err != nil {
					t.Error(err)
					return
				}
				defer resp.Body.Close()
				if got, err := io.ReadAll(resp.Body); err != nil || !bytes.Equal(got, body) {
					t.Errorf("%d bytes of %d: %v", len(got), len(body), err)
				}
			}
			ask(nil)
			for range 10 {
				asking.Go(func() { ask(bytes.Repeat([]byte("0123456789abcdef"), 1<<15)) })
			}
			asking.Wait()
			if len(dials) != 1 {
				t.Errorf("%d connections", len(dials))
			}
		})
	}
}

// A request to who refuses the connection has certainly not arrived.
func TestRefusedRequestIsUnsent(t *testing.T) {
	p := open(t, time.Minute, securities(t)["TLS"])
	p.Listener(Requests, nil)
	tr := forward.NewTransport(func(ctx context.Context, address string) (net.Conn, error) {
		return Dialer{}.Dial(ctx, "dc1", Requests, address)
	})
	defer tr.Close()
	req, err := http.NewRequestWithContext(t.Context(), "PUT", "/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := tr.Send(req, p.Addr().String(), forward.Mark{})
	if err == nil {
		resp.Body.Close()
		t.Fatal("answered")
	}
	if !forward.Unsent(err) {
		t.Errorf("%v", err)
	}
}

// Raft's own transport runs on the port: calls, a pipeline of them, and a snapshot.
func TestRaft(t *testing.T) {
	for name, security := range securities(t) {
		t.Run(name, func(t *testing.T) {
			var ends [2]*raft.NetworkTransport
			for i := range ends {
				ends[i] = raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
					Stream: open(t, time.Minute, security).RaftStream("dc1", nil), MaxPool: 2, Timeout: 20 * time.Second, Logger: hclog.NewNullLogger(),
				})
				defer ends[i].Close()
			}
			stop, snapshot := make(chan struct{}), bytes.Repeat([]byte("snapshot"), 1<<15)
			var answering sync.WaitGroup
			answering.Go(func() { answerRaft(t, ends[1], snapshot, stop) })
			defer answering.Wait()
			defer close(stop)

			to := ends[1].LocalAddr()
			var vote raft.RequestVoteResponse
			if err := ends[0].RequestVote("b", to, &raft.RequestVoteRequest{Term: 7}, &vote); err != nil || vote.Term != 7 {
				t.Errorf("%+v %v", vote, err)
			}
			var installed raft.InstallSnapshotResponse
			r := &raft.InstallSnapshotRequest{Term: 7, Size: int64(len(snapshot))}
			if err := ends[0].InstallSnapshot("b", to, r, &installed, bytes.NewReader(snapshot)); err != nil || !installed.Success {
				t.Errorf("%+v %v", installed, err)
			}
			pipeline, err := ends[0].AppendEntriesPipeline("b", to)
			if err != nil {
				t.Fatal(err)
			}
			defer pipeline.Close()
			for i := range uint64(100) {
				entries := &raft.AppendEntriesRequest{Term: i, Entries: []*raft.Log{{Index: i, Data: bytes.Repeat([]byte("x"), 10000)}}}
				f, err := pipeline.AppendEntries(entries, new(raft.AppendEntriesResponse))
				if err != nil {
					t.Fatal(err)
				}
				if err := f.Error(); err != nil || f.Response().Term != i {
					t.Fatalf("%+v %v", f.Response(), err)
				}
				<-pipeline.Consumer()
			}
		})
	}
}

// answerRaft answers Raft's calls.
func answerRaft(t *testing.T, transport *raft.NetworkTransport, snapshot []byte, stop <-chan struct{}) {
	for {
		select {
		case rpc := <-transport.Consumer():
			switch r := rpc.Command.(type) {
			case *raft.RequestVoteRequest:
				rpc.Respond(&raft.RequestVoteResponse{Term: r.Term}, nil)
			case *raft.AppendEntriesRequest:
				rpc.Respond(&raft.AppendEntriesResponse{Term: r.Term, Success: true}, nil)
			case *raft.InstallSnapshotRequest:
				got, err := io.ReadAll(rpc.Reader)
				rpc.Respond(&raft.InstallSnapshotResponse{Success: bytes.Equal(got, snapshot)}, err)
			default:
				t.Errorf("%T", r)
				return
			}
		case <-stop:
			return
		}
	}
}
