package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
)

// A report is what a run found out.
type report struct {
	servers []string
	load    load
	conns   int
	files   *files
	loadAvg [2]string // of the machine, before and after
	samples map[measure][][]float64
	tools   map[measure][]float64
}

func newReport(servers []string) *report {
	return &report{servers: servers, samples: map[measure][][]float64{}, tools: map[measure][]float64{}}
}

// add adds a sample of the server with the given number.
func (r *report) add(m measure, server int, value float64) {
	if r.samples[m] == nil {
		r.samples[m] = make([][]float64, len(r.servers))
	}
	r.samples[m][server] = append(r.samples[m][server], value)
}

// addMemory adds a peak of memory in bytes, unless it is not known.
func (r *report) addMemory(m measure, server int, bytes int64) {
	if bytes > 0 {
		r.add(m, server, megabytes(bytes))
	}
}

func (r *report) addTool(m measure, value float64) { r.tools[m] = append(r.tools[m], value) }

// value is the median of what was measured of a server, NaN if nothing was.
func (r *report) value(m measure, server int) float64 {
	if r.samples[m] == nil {
		return math.NaN()
	}
	return median(r.samples[m][server])
}

// ratio is the value of the first server divided by that of another.
func (r *report) ratio(m measure, server int) float64 { return r.value(m, 0) / r.value(m, server) }

func median(samples []float64) float64 {
	if len(samples) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(samples))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// A verdict is how a goal was met.
type verdict struct {
	Goal string  `json:"goal"`
	Got  float64 `json:"got"`
	Met  bool    `json:"met"`
}

// verdicts judges those goals that the run has figures for. They are about the standard load and no other.
func (r *report) verdicts() []verdict {
	if r.load != standard {
		return nil
	}
	return r.judgeAll(goals)
}

// guard judges the guards, and fails if one is not met or was not measured.
func (r *report) guard(w io.Writer) error {
	all := r.judgeAll(guards)
	missed := len(guards) - len(all)
	if missed > 0 {
		fmt.Fprintf(w, "%d of the bounds cannot be judged, for what they are about was not measured\n", missed)
	}
	for _, v := range all {
		word := "holds"
		if !v.Met {
			word = "BROKEN"
			missed++
		}
		fmt.Fprintf(w, "%-7s%s; got %s\n", word, v.Goal, number(v.Got))
	}
	if missed > 0 {
		return fmt.Errorf("slower than it was: %d bounds are broken", missed)
	}
	return nil
}

func (r *report) judgeAll(goals []goal) (all []verdict) {
	for _, g := range goals {
		got, name, unit := r.judge(g)
		if math.IsNaN(got) {
			continue
		}
		word, met := "at most", got <= g.limit
		if g.least {
			word, met = "at least", got >= g.limit
		}
		all = append(all, verdict{fmt.Sprintf("%s: %s %s%s", name, word, number(g.limit), unit), got, met})
	}
	return all
}

// judge returns the figure that a goal is about, with a name and a unit.
func (r *report) judge(g goal) (got float64, name, unit string) {
	switch {
	case g.ratio && len(r.servers) < 2:
		return math.NaN(), "", ""
	case g.ratio:
		return r.ratio(g.measure, 1), fmt.Sprintf("%s, %s / %s", g.measure.Name, r.servers[0], r.servers[1]), ""
	case g.over != nil:
		return r.value(g.measure, 0) / median(r.tools[*g.over]), g.measure.Name + " / " + g.over.Name, ""
	}
	return r.value(g.measure, 0), g.measure.Name, " " + g.measure.Unit
}

// writeText writes the report as tables.
func (r *report) writeText(w io.Writer) error {
	fmt.Fprintf(w, "%s; state.bin %.1f MB; many connections are %d; load average of the machine %s before, %s after\n\n",
		r.load, megabytes(r.files.stateSize), r.conns, r.loadAvg[0], r.loadAvg[1])
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	r.writeServers(t)
	if len(r.tools) > 0 {
		fmt.Fprintf(t, "\nCommon tools\tMedian\n")
		for _, m := range toolOrder {
			if s := r.tools[m]; len(s) > 0 {
				fmt.Fprintf(t, "%s\t%s\n", m.Name, spread(m, s))
			}
		}
	}
	if all := r.verdicts(); len(all) > 0 {
		fmt.Fprintf(t, "\nGoal of %s\tGot\t\n", r.servers[0])
		for _, v := range all {
			word := "met"
			if !v.Met {
				word = "MISSED"
			}
			fmt.Fprintf(t, "%s\t%s\t%s\n", v.Goal, number(v.Got), word)
		}
	}
	return t.Flush()
}

func (r *report) writeServers(w io.Writer) {
	fmt.Fprint(w, "Median (least to most)")
	for _, name := range r.servers {
		fmt.Fprintf(w, "\t%s", name)
	}
	for _, name := range r.servers[1:] {
		fmt.Fprintf(w, "\t%s / %s", r.servers[0], name)
	}
	fmt.Fprintln(w)
	for _, m := range order {
		if r.samples[m] == nil {
			continue
		}
		fmt.Fprint(w, m.Name)
		for _, s := range r.samples[m] {
			fmt.Fprintf(w, "\t%s", spread(m, s))
		}
		for i := 1; i < len(r.servers); i++ {
			fmt.Fprintf(w, "\t%s", number(r.ratio(m, i)))
		}
		fmt.Fprintln(w)
	}
}

// spread is a median with its unit, and the range of the samples if there are several.
func spread(m measure, samples []float64) string {
	text := number(median(samples))
	if text == "-" {
		return text
	}
	text += " " + m.Unit
	if len(samples) > 1 {
		text += fmt.Sprintf(" (%s to %s)", number(slices.Min(samples)), number(slices.Max(samples)))
	}
	return text
}

// number prints three digits or so.
func number(v float64) string {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "-"
	case math.Abs(v) >= 100:
		return fmt.Sprintf("%.0f", v)
	case math.Abs(v) >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

// writeJSON writes the report, with all samples, for programs.
func (r *report) writeJSON(w io.Writer) error {
	type row struct {
		measure
		Servers map[string]float64   `json:"servers,omitempty"`
		Value   float64              `json:"value,omitempty"`
		Ratios  map[string]float64   `json:"ratios,omitempty"`
		Samples map[string][]float64 `json:"samples,omitempty"`
	}
	out := struct {
		Load        load      `json:"load"`
		Connections int       `json:"connections"`
		StateBytes  int64     `json:"state_bytes"`
		LoadAverage [2]string `json:"load_average"`
		Measures    []row     `json:"measures"`
		Tools       []row     `json:"tools"`
		Goals       []verdict `json:"goals,omitempty"`
	}{Load: r.load, Connections: r.conns, StateBytes: r.files.stateSize, LoadAverage: r.loadAvg, Goals: r.verdicts()}
	for _, m := range order {
		x := row{measure: m, Servers: map[string]float64{}, Ratios: map[string]float64{}, Samples: map[string][]float64{}}
		for i, samples := range r.samples[m] {
			if len(samples) == 0 {
				continue
			}
			x.Servers[r.servers[i]], x.Samples[r.servers[i]] = median(samples), samples
			if ratio := r.ratio(m, i); i > 0 && !math.IsNaN(ratio) && !math.IsInf(ratio, 0) {
				x.Ratios[r.servers[0]+"/"+r.servers[i]] = ratio
			}
		}
		if len(x.Servers) > 0 {
			out.Measures = append(out.Measures, x)
		}
	}
	for _, m := range toolOrder {
		if s := r.tools[m]; len(s) > 0 {
			out.Tools = append(out.Tools, row{measure: m, Value: median(s)})
		}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(out)
}
