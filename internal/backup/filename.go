package backup

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/consul/api"
)

// labelWords are the words of -append-filename, in the order in which they are appended.
var labelWords = []string{"version", "dc", "node", "status"}

// A Labeler asks an agent for what -append-filename puts into the name of a file.
type Labeler struct{ Client *api.Client }

// ParseLabels splits a list of words at commas. Words that mean nothing are returned in unknown.
func ParseLabels(list string) (words, unknown []string) {
	for word := range strings.SplitSeq(list, ",") {
		word = strings.TrimSpace(word)
		switch {
		case word == "" || slices.Contains(words, word) || slices.Contains(unknown, word):
		case slices.Contains(labelWords, word):
			words = append(words, word)
		default:
			unknown = append(unknown, word)
		}
	}
	return words, unknown
}

// Name returns path with what the words stand for behind its stem: the version of the leading server, the datacenter, and the agent's
// node name and status (leader or follower), in this order. The error is a *StepError.
func (l *Labeler) Name(ctx context.Context, path string, words []string) (string, error) {
	if len(words) == 0 {
		return path, nil
	}
	labels := map[string]string{}
	if slices.Contains(words, "version") {
		version, err := l.leaderVersion(ctx)
		if err != nil {
			return "", &StepError{"fetching version of Consul agent Leader", err}
		}
		labels["version"] = version
	}
	if len(labels) < len(words) {
		if err := l.self(ctx, words, labels); err != nil {
			return "", &StepError{"connecting to Consul agent and fetching datacenter/version", err}
		}
	}
	suffix := ""
	for _, word := range labelWords {
		if label, ok := labels[word]; ok {
			suffix += "-" + label
		}
	}
	dir, base := filepath.Split(path)
	ext := filepath.Ext(base)
	return dir + strings.TrimSuffix(base, ext) + suffix + ext, nil
}

func (l *Labeler) leaderVersion(ctx context.Context) (string, error) {
	health, err := l.Client.Operator().AutopilotServerHealth(new(api.QueryOptions).WithContext(ctx))
	var status api.StatusError
	if errors.As(err, &status) && status.Code == http.StatusNotFound {
		return l.agentVersion(ctx)
	}
	if err != nil {
		return "", err
	}
	for _, server := range health.Servers {
		if server.Leader {
			return clean("version", server.Version)
		}
	}
	return "", errors.New("no server is marked leader in /v1/operator/autopilot/health")
}

// agentVersion is the version of the agent that answers, for servers without autopilot endpoints.
func (l *Labeler) agentVersion(ctx context.Context) (string, error) {
	var self struct{ Config struct{ Version string } }
	if _, err := l.Client.Raw().Query("/v1/agent/self", &self, new(api.QueryOptions).WithContext(ctx)); err != nil {
		return "", err
	}
	return clean("version", self.Config.Version)
}

// self fills in what is asked for of what the agent knows of itself.
func (l *Labeler) self(ctx context.Context, words []string, labels map[string]string) (err error) {
	var self struct {
		Config struct{ Datacenter, NodeName string }
		Stats  struct{ Consul map[string]string }
	}
	if _, err := l.Client.Raw().Query("/v1/agent/self", &self, new(api.QueryOptions).WithContext(ctx)); err != nil {
		return err
	}
	if slices.Contains(words, "dc") {
		if labels["dc"], err = clean("datacenter", self.Config.Datacenter); err != nil {
			return err
		}
	}
	if slices.Contains(words, "node") {
		if labels["node"], err = clean("node name", self.Config.NodeName); err != nil {
			return err
		}
	}
	if slices.Contains(words, "status") {
		labels["status"] = "follower"
		if self.Stats.Consul["leader"] == "true" {
			labels["status"] = "leader"
		}
	}
	return nil
}

// clean refuses what must not get into the name of a file.
func clean(what, label string) (string, error) {
	if label == "" || strings.ContainsAny(label, "/\\\x00") {
		return "", fmt.Errorf("the agent's %s is %q, which cannot be part of a file name", what, label)
	}
	return label, nil
}
