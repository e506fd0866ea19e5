package telemetry

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/go-metrics"
)

func TestSummaryAsTheClientReadsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel := setup(t, plain())
		labels := []metrics.Label{{Name: "method", Value: "GET"}, {Name: "path", Value: "v1_kv_"}}
		metrics.AddSampleWithLabels(APIHTTP, 2, labels)
		metrics.AddSampleWithLabels(APIHTTP, 4, labels)
		metrics.IncrCounter([]string{"raft", "apply"}, 3)
		metrics.SetGauge([]string{"raft", "peers"}, 0.1)
		metrics.EmitKey([]string{"point"}, 5)
		began := time.Now().UTC().Truncate(interval)
		nextInterval()
		metrics.IncrCounter([]string{"raft", "barrier"}, 1) // of the interval that is not complete

		text, err := json.Marshal(tel.Summary())
		if err != nil {
			t.Fatal(err)
		}
		var got api.MetricsInfo
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		if got.Timestamp != began.String() {
			t.Errorf("Timestamp %q, want %q", got.Timestamp, began)
		}
		if len(got.Counters) != 1 || got.Counters[0].Name != "consul.raft.apply" || got.Counters[0].Sum != 3 || got.Counters[0].Count != 1 {
			t.Errorf("counters %+v", got.Counters)
		}
		i := slices.IndexFunc(got.Samples, func(s api.SampledValue) bool { return s.Name == "consul.api.http" })
		if i < 0 {
			t.Fatalf("samples %+v", got.Samples)
		}
		if s := got.Samples[i]; s.Count != 2 || s.Mean != 3 || s.Min != 2 || s.Max != 4 || s.Labels["path"] != "v1_kv_" {
			t.Errorf("sample %+v", s)
		}
		if len(got.Points) != 1 || got.Points[0].Name != "consul.point" || !slices.Equal(got.Points[0].Points, []float32{5}) {
			t.Errorf("points %+v", got.Points)
		}
		for _, part := range []string{`{"Name":"consul.raft.peers","Value":0.1,"Labels":{}}`, `"Rate":0.3`, `"Stddev":1.41421356`} {
			if !strings.Contains(string(text), part) {
				t.Errorf("%s lacks %s", text, part)
			}
		}
	})
}

func TestEmptyListsAreLists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := plain()
		c.FilterDefault = false
		text, err := json.Marshal(setup(t, c).Summary()) // of the first interval, which is not complete
		if err != nil {
			t.Fatal(err)
		}
		if want := `,"Gauges":[],"Points":[],"Counters":[],"Samples":[]}`; !strings.HasSuffix(string(text), want) {
			t.Errorf("got %s", text)
		}
	})
}

func TestWhatJSONCannotCarryIsLeftOut(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	synctest.Test(t, func(t *testing.T) {
		tel := setup(t, plain())
		for _, v := range []float32{nan, inf, -inf} {
			metrics.SetGauge([]string{"bad", "gauge"}, v)
			metrics.SetPrecisionGauge([]string{"bad", "gauge"}, float64(v))
			metrics.IncrCounter([]string{"bad", "counter"}, v)
			metrics.AddSample([]string{"bad", "sample"}, v)
			metrics.EmitKey([]string{"points"}, v)
		}
		metrics.EmitKey([]string{"points"}, 1)
		nextInterval()
		text, err := json.Marshal(tel.Summary())
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "bad.") || !strings.Contains(string(text), `{"Name":"consul.points","Points":[1]}`) {
			t.Errorf("got %s", text)
		}
	})
}

// Values that hardly differ can have sums whose rounding errors make the variance negative.
func TestDeviationThatRoundsBelowZero(t *testing.T) {
	a := metrics.AggregateSample{Count: 3, Sum: 0.3, SumSq: 0.03 - 1e-17, Min: 0.1, Max: 0.1}
	if !math.IsNaN(a.Stddev()) {
		t.Fatalf("go-metrics says %v, and this test is not needed any more", a.Stddev())
	}
	got := samples(map[string]metrics.SampledValue{"a": {Name: "a", AggregateSample: &a}})
	if len(got) != 1 || got[0].Stddev != 0 || got[0].Count != 3 {
		t.Errorf("got %+v", got)
	}
}

// flushes counts flushes, as a server's writer would do them.
type flushes struct {
	http.ResponseWriter
	io.Writer
	n int
}

func (f *flushes) Write(p []byte) (int, error) { return f.Writer.Write(p) }
func (f *flushes) Flush()                      { f.n++ }

func TestStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel := setup(t, plain())
		r, pipe := io.Pipe()
		w := &flushes{Writer: pipe}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- tel.Stream(ctx, w)
			_ = pipe.Close() // so that a stream which ends too early fails the test
		}()
		lines := bufio.NewScanner(r)
		for i := range 3 {
			synctest.Wait()
			if w.n != i+1 {
				t.Errorf("%d flushes before line %d", w.n, i)
			}
			metrics.IncrCounter([]string{"raft", "apply"}, float32(i+1))
			metrics.SetGauge([]string{"bad"}, float32(math.NaN()))
			if !lines.Scan() {
				t.Fatalf("no line: %v", lines.Err())
			}
			var got api.MetricsInfo
			if err := json.Unmarshal(lines.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			if len(got.Counters) != 1 || got.Counters[0].Sum != float64(i+1) {
				t.Errorf("line %d has counters %+v", i, got.Counters)
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Stream = %v after the client left", err)
		}

		go func() { ended <- tel.Stream(t.Context(), io.Discard) }()
		synctest.Wait()
		tel.Close()
		if err := <-ended; err != nil {
			t.Errorf("Stream = %v after Close", err)
		}
	})
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestStreamToBrokenWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if err := setup(t, plain()).Stream(t.Context(), broken{}); err == nil || err.Error() != "broken pipe" {
			t.Errorf("Stream = %v", err)
		}
	})
}
