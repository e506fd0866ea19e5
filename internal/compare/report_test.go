package main

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		samples []float64
		want    float64
	}{{[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 2, 9}, 3}} {
		if got := median(c.samples); got != c.want {
			t.Errorf("the median of %v is %v, want %v", c.samples, got, c.want)
		}
	}
	if !math.IsNaN(median(nil)) {
		t.Error("nothing has a median")
	}
}

// sampleReport is about two servers, of which the second has no command to inspect with.
func sampleReport() *report {
	r := newReport([]string{"a", "b"})
	r.load, r.conns, r.files, r.loadAvg = standard, 32, &files{stateSize: 126e6}, [2]string{"0.10", "0.20"}
	for _, s := range []float64{0.4, 0.5, 0.9} {
		r.add(saveTime, 0, s)
	}
	r.add(saveTime, 1, 4)
	r.add(inspectTime, 0, 0.7)
	r.add(archiveSize, 0, 33)
	r.add(writesMany, 0, 12_000)
	r.add(writesMany, 1, 10_000)
	r.addTool(gzipSize, 30)
	return r
}

func TestReportText(t *testing.T) {
	var b strings.Builder
	if err := sampleReport().writeText(&b); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(strings.Fields(b.String()), " ")
	for _, want := range []string{
		"a b a / b",
		"save 0.500 s (0.400 to 0.900) 4.000 s 0.125",
		"inspect 0.700 s - -",
		"writes, all connections 12000 1/s 10000 1/s 1.200",
		"gzip -6 of state.bin, size 30.0 MB",
		"save: at most 0.600 s 0.500 met",
		"inspect: at most 0.600 s 0.700 MISSED",
		"archive saved / gzip -6 of state.bin, size: at most 1.100 1.100 met",
		"save, a / b: at most 0.125 0.125 met",
		"writes, all connections, a / b: at least 1.500 1.200 MISSED",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}
	if strings.Contains(got, "inspect, a / b") {
		t.Error("a ratio is judged that is not known")
	}
}

func TestReportJudgesTheStandardLoadOnly(t *testing.T) {
	r := sampleReport()
	r.load.Keys = 1000
	if got := r.verdicts(); got != nil {
		t.Errorf("got %v", got)
	}
}

func TestReportJSON(t *testing.T) {
	var b strings.Builder
	if err := sampleReport().writeJSON(&b); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Measures []struct {
			Name    string
			Servers map[string]float64
			Ratios  map[string]float64
			Samples map[string][]float64
		}
		Goals []verdict
	}
	if err := json.Unmarshal([]byte(b.String()), &got); err != nil {
		t.Fatal(err)
	}
	first := got.Measures[0]
	if first.Name != "save" || first.Servers["a"] != 0.5 || first.Ratios["a/b"] != 0.125 || len(first.Samples["a"]) != 3 {
		t.Errorf("got %+v", first)
	}
	if len(got.Goals) == 0 {
		t.Error("no goals")
	}
}

func TestProcessFiles(t *testing.T) {
	const status = "Name:\tlictor\nVmPeak:\t  99 kB\nVmHWM:\t  2048 kB\nVmRSS:\t  1024 kB\n"
	if got, err := statusField([]byte(status), "VmHWM"); err != nil || got != 2<<20 {
		t.Errorf("VmHWM is %d, %v", got, err)
	}
	if _, err := statusField([]byte("Name:\tzombie\n"), "VmRSS"); err == nil {
		t.Error("a process without memory has some")
	}
	const stat = "17 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20"
	if got, err := parseCPU([]byte(stat)); err != nil || got != 2*time.Second {
		t.Errorf("processor time is %v, %v", got, err)
	}
	if _, err := parseCPU([]byte("17 (a) S 1")); err == nil {
		t.Error("a cut line has a processor time")
	}
}

// A bound that is broken fails, and so does one that nothing was measured for.
func TestGuard(t *testing.T) {
	whole := func() *report {
		r := newReport([]string{"a"})
		r.load = standard
		for _, g := range guards {
			if r.samples[g.measure] == nil {
				r.add(g.measure, 0, g.limit)
			}
			if g.over != nil && r.tools[*g.over] == nil {
				r.addTool(*g.over, 1)
			}
		}
		return r
	}
	var out strings.Builder
	if err := whole().guard(&out); err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
	slow := whole()
	slow.samples[saveTime][0][0] *= 1.1
	if err := slow.guard(&out); err == nil || !strings.Contains(out.String(), "BROKEN save / pgzip") {
		t.Errorf("a save that got slower is let through: %v\n%s", err, out.String())
	}
	unmeasured := whole()
	delete(unmeasured.samples, readsMany)
	if err := unmeasured.guard(&out); err == nil {
		t.Error("reads that were not measured are let through")
	}
}
