package snapshotagent

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/alarm"
)

// exported are the metrics of an agent that has taken a backup, each with its labels.
func exported(t *testing.T) map[string][]string {
	t.Helper()
	s := newStage(t, 1, func(c *Config) {
		c.Hooks = []alarm.Hook{{Name: "ear", On: everything, Timeout: time.Second, Action: &ear{}}}
	})
	s.hours(t, 1)
	_, body := s.get(t, "/metrics")
	metrics := map[string][]string{}
	for line := range strings.Lines(body) {
		if m := regexp.MustCompile(`^(lictor_\w+)(?:{(.*)})? `).FindStringSubmatch(line); m != nil {
			metrics[m[1]] = []string{"job"} // which Prometheus adds
			for _, label := range regexp.MustCompile(`(\w+)="`).FindAllStringSubmatch(m[2], -1) {
				metrics[m[1]] = append(metrics[m[1]], label[1])
			}
		}
	}
	return metrics
}

// checkQuery wants the metrics of a query to exist, with the labels that it names.
func checkQuery(t *testing.T, metrics map[string][]string, where, query string) {
	t.Helper()
	names := regexp.MustCompile(`\blictor_\w+`).FindAllString(query, -1)
	if len(names) == 0 {
		t.Errorf("%s: no metric in %q", where, query)
	}
	var labels []string
	for _, name := range names {
		if metrics[name] == nil {
			t.Errorf("%s: there is no metric %s", where, name)
		}
		labels = append(labels, metrics[name]...)
	}
	for _, m := range regexp.MustCompile(`by \(([^)]*)\)|([a-z]+)=~?"`).FindAllStringSubmatch(query, -1) {
		for _, label := range strings.Split(m[1]+m[2], ",") {
			if !slices.Contains(labels, strings.TrimSpace(label)) {
				t.Errorf("%s: %s has no label %q", where, names, label)
			}
		}
	}
}

// told are the metrics that dashboard and alert rules must not go without.
var told = []string{"lictor_deletion_stopped", "lictor_rpo_met", "lictor_hook_events_total", "lictor_healthy", "lictor_behind"}

func TestDashboard(t *testing.T) {
	b, err := os.ReadFile("../../contrib/grafana/lictor-snapshot-agent.json")
	if err != nil {
		t.Fatal(err)
	}
	type grid struct{ X, Y, W, H int }
	var dashboard struct {
		Panels []struct {
			ID      int
			Title   string
			GridPos grid
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(b, &dashboard); err != nil {
		t.Fatal(err)
	}
	metrics, taken, ids := exported(t), map[[2]int]string{}, map[int]bool{}
	for _, p := range dashboard.Panels {
		if ids[p.ID] || len(p.Targets) == 0 || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %d, %s: the ID is taken, or there is no query, or it is too wide", p.ID, p.Title)
		}
		ids[p.ID] = true
		for _, target := range p.Targets {
			checkQuery(t, metrics, p.Title, target.Expr)
		}
		for at := range p.GridPos.W * p.GridPos.H {
			cell := [2]int{p.GridPos.X + at%p.GridPos.W, p.GridPos.Y + at/p.GridPos.W}
			if other := taken[cell]; other != "" {
				t.Fatalf("%s lies over %s", p.Title, other)
			}
			taken[cell] = p.Title
		}
	}
	for _, name := range told {
		if !strings.Contains(string(b), name) {
			t.Errorf("no panel shows %s", name)
		}
	}
}

func TestAlertRules(t *testing.T) {
	b, err := os.ReadFile("../../contrib/prometheus/lictor-snapshot-agent.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	metrics, text := exported(t), string(b)
	rules := strings.Split(text, "      - alert: ")[1:]
	names := map[string]bool{}
	for _, rule := range rules {
		name, _, _ := strings.Cut(rule, "\n")
		name, _, _ = strings.Cut(name, " #")
		expr := regexp.MustCompile(`(?m)^        expr: (.*)$`).FindStringSubmatch(rule)
		if names[name] || expr == nil || !strings.Contains(rule, "severity: ") || !strings.Contains(rule, "          summary: ") {
			t.Fatalf("%s: the name is taken, or there is no query, severity or summary:\n%s", name, rule)
		}
		names[name] = true
		checkQuery(t, metrics, name, expr[1])
		for _, m := range regexp.MustCompile(`query "([^"]*)"`).FindAllStringSubmatch(rule, -1) {
			checkQuery(t, metrics, name, m[1])
		}
	}
	if len(rules) < 10 || strings.Contains(text, "\t") {
		t.Errorf("%d rules", len(rules))
	}
	for _, name := range told {
		if !strings.Contains(text, name) {
			t.Errorf("no rule is about %s", name)
		}
	}
	manual, err := os.ReadFile("../../docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range regexp.MustCompile("ConsulBackup[A-Za-z]+").FindAllString(string(manual), -1) {
		if !names[name] {
			t.Errorf("docs/reliability.md names %s, and there is no such rule", name)
		}
	}
}
