package healthcheck

import "github.com/lictor-dr/lictor/internal/definition"

// thresholds lets an outcome through once it came as often in a row as was asked for.
type thresholds struct {
	report                     Report
	passing, warning, critical int // how many outcomes it takes

	successes, failures int // in a row
}

func newThresholds(def *definition.Check, report Report) *thresholds {
	t := &thresholds{report: report, passing: def.SuccessBeforePassing}
	t.warning, t.critical = def.FailuresBeforeWarning, def.FailuresBeforeCritical
	if t.warning == 0 {
		t.warning = t.critical
	}
	return t
}

// add counts an outcome. A warning is a success: the thing checked has answered.
func (t *thresholds) add(status, output string) {
	if status == definition.Critical {
		t.failures, t.successes = t.failures+1, 0
		switch {
		case t.failures >= t.critical:
			t.report(definition.Critical, output)
		case t.failures >= t.warning:
			t.report(definition.Warning, output)
		}
		return
	}
	t.successes, t.failures = t.successes+1, 0
	if t.successes >= t.passing {
		t.report(status, output)
	}
}
