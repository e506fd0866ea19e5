package preparedquery

import (
	"slices"
	"strings"

	"github.com/lictor-dr/lictor/internal/record"
)

// Statuses of checks.
const (
	passing  = "passing"
	critical = "critical"
)

// filter returns the instances that s asks for, in a new slice.
func filter(all []Instance, s *record.QueryService) []Instance {
	var wanted []Instance
	for _, i := range all {
		if healthy(i.Checks, s) && tagged(i.Service.Tags, s.Tags) &&
			contains(i.Node.NodeMeta, s.NodeMeta) && contains(i.Service.Meta, s.ServiceMeta) {
			wanted = append(wanted, i)
		}
	}
	return wanted
}

// healthy tells whether no check that counts is critical or, if only passing ones are wanted, anything else but passing.
func healthy(checks []*record.HealthCheck, s *record.QueryService) bool {
	return !slices.ContainsFunc(checks, func(c *record.HealthCheck) bool {
		if containsFold(s.IgnoreCheckIDs, c.CheckID) {
			return false
		}
		return c.Status == critical || s.OnlyPassing && c.Status != passing
	})
}

// tagged tells whether tags has all that is wanted, and nothing that is wanted with a leading exclamation mark.
func tagged(tags, wanted []string) bool {
	for _, w := range wanted {
		unwanted, not := strings.CutPrefix(w, "!")
		if containsFold(tags, unwanted) == not {
			return false
		}
	}
	return true
}

func containsFold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(e string) bool { return strings.EqualFold(e, s) })
}

// contains tells whether meta has all pairs of wanted.
func contains(meta, wanted map[string]string) bool {
	for key, value := range wanted {
		if got, ok := meta[key]; !ok || got != value {
			return false
		}
	}
	return true
}
