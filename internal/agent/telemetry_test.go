package agent

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

func TestPrometheusAfterAWrite(t *testing.T) {
	a := start(t, load(t, "-dev", `-hcl=telemetry { disable_hostname = true prometheus_retention_time = "1m" metrics_prefix = "after.a.write" }`))
	if status, _, body := do(t, a, "PUT", "/v1/kv/a", strings.NewReader("v")); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	a.gauges.close() // so that the test may look as often as it likes
	a.gauges.record()
	index, _ := a.server.Store().Applied()
	_, _, body := do(t, a, "GET", "/v1/agent/metrics?format=prometheus", nil)
	for _, want := range []string{
		`kvs_apply_count 1`, `fsm_kvs_count{op="set"} 1`, `api_http_count{method="PUT",path="v1_kv_"} 1`, `raft_apply `,
		`server_isLeader 1`, `autopilot_healthy 1`, `autopilot_failure_tolerance 0`, `members_servers 1`, `state_kv_entries 1`, `state_nodes 1`,
		`state_services 1`, `state_service_instances 1`, `rpc_queries_blocking 0`, `session_ttl_active 0`, `leader_barrier_count 1`,
		`leader_reconcile_count `, `rpc_request `, `rpc_query `, fmt.Sprintf("raft_last_index %d\n", index),
	} {
		if !strings.Contains(string(body), "\nafter_a_write_"+want) {
			t.Errorf("%s is missing", want)
		}
	}
	if t.Failed() {
		t.Logf("%s", body)
	}
}

func TestStatsd(t *testing.T) {
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a := start(t, load(t, "-dev", fmt.Sprintf(`-hcl=telemetry { disable_hostname = true statsd_address = "%s" prefix_filter = ["-consul.fsm"] }`, l.LocalAddr())))
	do(t, a, "PUT", "/v1/kv/a", strings.NewReader("v"))
	if err := l.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	packet := make([]byte, 64<<10)
	for !strings.Contains(all.String(), "consul.kvs.apply:") {
		n, _, err := l.ReadFrom(packet)
		if err != nil {
			t.Fatalf("%v, after %s", err, all.String())
		}
		all.Write(packet[:n])
	}
	if strings.Contains(all.String(), "consul.fsm.kvs") {
		t.Error("what the filter blocks is sent")
	}
}

func TestReloadChangesTheFilter(t *testing.T) {
	a := start(t, load(t, "-dev", `-hcl=telemetry { disable_hostname = true prometheus_retention_time = "1m" prefix_filter = ["-reloaded.txn"] metrics_prefix = "reloaded" }`))
	txn := `[{"KV":{"Verb":"set","Key":"a","Value":""}}]`
	do(t, a, "PUT", "/v1/txn", strings.NewReader(txn))
	if err := a.Reload(load(t, "-dev")); err != nil {
		t.Fatal(err)
	}
	do(t, a, "PUT", "/v1/txn", strings.NewReader(txn))
	if _, _, body := do(t, a, "GET", "/v1/agent/metrics?format=prometheus", nil); !strings.Contains(string(body), "\nreloaded_txn_apply_count 1\n") {
		t.Errorf("got %s", body)
	}
}

func TestBadTelemetryAddressFailsTheStart(t *testing.T) {
	a, err := Open(load(t, "-dev", `-hcl=telemetry { dogstatsd_addr = "localhost:port:1" }`))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(quiet()); err == nil || !strings.Contains(err.Error(), "telemetry.dogstatsd_addr: ") {
		t.Errorf("Start = %v", err)
	}
}

func TestEventsOverHTTP(t *testing.T) {
	a := start(t, load(t, "-dev"))
	for _, service := range []string{"consul", "other"} {
		do(t, a, "PUT", "/v1/event/fire/for-"+service+"?service=^"+service+"$", nil)
	}
	_, _, body := do(t, a, "GET", "/v1/event/list", nil)
	if got := string(body); !strings.Contains(got, "for-consul") || strings.Contains(got, "for-other") {
		t.Errorf("got %s", got)
	}
}
