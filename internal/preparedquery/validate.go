package preparedquery

import (
	"errors"
	"fmt"
	"time"

	"github.com/lictor-dr/lictor/internal/querytemplate"
	"github.com/lictor-dr/lictor/internal/record"
)

// Validate checks a definition that is to be stored. The text of its error is the whole answer that a client gets, as Consul spells it.
// What depends on other objects is not checked: whether the name is free, and whether the session exists.
func Validate(q *record.PreparedQuery) error {
	for _, check := range []func(*record.PreparedQuery) error{validateIdentity, validateService, validateFailover, validateTTL} {
		if err := check(q); err != nil {
			return fmt.Errorf("Invalid prepared query: %w", err)
		}
	}
	if _, err := querytemplate.Compile(q); err != nil {
		return fmt.Errorf("raft apply failed: %w", err) // where Consul finds it, and what its clients look for
	}
	return nil
}

func validateIdentity(q *record.PreparedQuery) error {
	if q.Name == "" && q.Template.Type == "" && q.Session == "" {
		return errors.New("Must be bound to a session")
	}
	if q.Token == HiddenToken {
		return fmt.Errorf("Bad Token '%s': it stands for a token that may not be seen; give the token itself", HiddenToken)
	}
	return nil
}

func validateService(q *record.PreparedQuery) error {
	if q.Service.Service == "" {
		return errors.New("Must provide a Service name to query")
	}
	return served(q)
}

// served refuses what cannot be honoured.
func served(q *record.PreparedQuery) error {
	if q.Service.Peer != "" {
		return fmt.Errorf("Service.Peer is '%s': services of cluster peers are not served", q.Service.Peer)
	}
	if q.Service.SamenessGroup != "" {
		return fmt.Errorf("Service.SamenessGroup is '%s': sameness groups are a Consul Enterprise feature", q.Service.SamenessGroup)
	}
	return nil
}

func validateFailover(q *record.PreparedQuery) error {
	f := q.Service.Failover
	if f.NearestN < 0 {
		return fmt.Errorf("Bad NearestN '%d', must be >= 0", f.NearestN)
	}
	if len(f.Targets) > 0 && (f.NearestN > 0 || len(f.Datacenters) > 0) {
		return errors.New("Targets cannot be populated with NearestN or Datacenters")
	}
	return nil
}

func validateTTL(q *record.PreparedQuery) error {
	if q.DNS.TTL == "" {
		return nil
	}
	ttl, err := time.ParseDuration(q.DNS.TTL)
	if err != nil {
		return fmt.Errorf("Bad DNS TTL '%s': %w", q.DNS.TTL, err)
	}
	if ttl < 0 {
		return fmt.Errorf("Bad DNS TTL '%s', must be >= 0", q.DNS.TTL)
	}
	return nil
}
