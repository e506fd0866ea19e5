package registration

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/consul/api"

	"github.com/lictor-dr/lictor/internal/clock"
)

// compare makes the Consul agent's registry what it should be.
func (r *Registration) compare(ctx context.Context) error {
	ctx, cancel := clock.WithTimeout(ctx, r.config.Clock, patience)
	defer cancel()
	options := (&api.QueryOptions{}).WithContext(ctx)
	have, err := r.client.Agent().ChecksWithFilterOpts(fmt.Sprintf("ServiceID == %q", r.id), options)
	if err != nil {
		return r.explain("asking the Consul agent for its checks", err)
	}
	if have[r.AliveID()] == nil {
		if err := r.register(ctx); err != nil {
			return err
		}
	}
	if err := r.update(r.AliveID(), "The snapshot agent is running.", api.HealthPassing, options); err != nil {
		return err
	}
	return r.compareSaving(have[r.SavingID()], options)
}

// register registers the service with the check of life, and takes it that nothing is known of the other.
func (r *Registration) register(ctx context.Context) error {
	check := &api.AgentServiceCheck{
		CheckID: r.AliveID(), Name: AliveCheck, TTL: aliveTTL.String(), Status: api.HealthPassing,
	}
	if r.config.DeregisterAfter > 0 {
		check.DeregisterCriticalServiceAfter = r.config.DeregisterAfter.String()
	}
	service := &api.AgentServiceRegistration{ID: r.id, Name: r.config.Service, Checks: api.AgentServiceChecks{check}}
	err := r.client.Agent().ServiceRegisterOpts(service, api.ServiceRegisterOpts{}.WithContext(ctx))
	return r.explain("registering service "+r.id, err)
}

// compareSaving brings the saving check to what it should be. It is told only what is new, for each word to it starts its time anew,
// or what the agent has forgotten.
func (r *Registration) compareSaving(have *api.AgentCheck, options *api.QueryOptions) error {
	want, leading := r.saving()
	switch {
	case !leading:
		return r.removeSaving(have != nil, options)
	case have == nil:
		if err := r.registerSaving(want, options); err != nil {
			return err
		}
	case want == r.sent && have.Status == want.status:
		return nil
	}
	if err := r.update(r.SavingID(), want.output, want.status, options); err != nil {
		return err
	}
	r.sent = want
	return nil
}

func (r *Registration) registerSaving(want sent, options *api.QueryOptions) error {
	err := r.client.Agent().CheckRegisterOpts(&api.AgentCheckRegistration{
		ID: r.SavingID(), Name: SavingCheck, ServiceID: r.id,
		AgentServiceCheck: api.AgentServiceCheck{TTL: r.config.SavingTTL.String(), Status: want.status},
	}, options)
	return r.explain("registering check "+r.SavingID(), err)
}

func (r *Registration) removeSaving(there bool, options *api.QueryOptions) error {
	r.sent = sent{}
	if !there {
		return nil
	}
	err := r.client.Agent().CheckDeregisterOpts(r.SavingID(), options)
	if unknown(err) {
		return nil
	}
	return r.explain("removing check "+r.SavingID(), err)
}

func (r *Registration) update(id, output, status string, options *api.QueryOptions) error {
	return r.explain("updating check "+id, r.client.Agent().UpdateTTLOpts(id, output, status, options))
}

// farewell deregisters the service.
func (r *Registration) farewell() error {
	ctx, cancel := clock.WithTimeout(context.Background(), r.config.Clock, farewellTime)
	defer cancel()
	err := r.client.Agent().ServiceDeregisterOpts(r.id, (&api.QueryOptions{}).WithContext(ctx))
	if unknown(err) {
		return nil
	}
	return r.explain("deregistering service "+r.id, err)
}

// unknown tells whether the agent does not have what was to be removed. Versions differ in the status, not in the word.
func unknown(err error) bool {
	var status api.StatusError
	return errors.As(err, &status) && (status.Code == 404 || strings.HasPrefix(status.Body, "Unknown "))
}

// explain adds the step to an error, and to a denial the rule that is needed.
func (r *Registration) explain(step string, err error) error {
	var status api.StatusError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &status) && status.Code == 403 && strings.Contains(status.Body, "ACL not found"):
		return fmt.Errorf("registration: %s: Consul does not know the token: %w", step, err)
	case errors.As(err, &status) && status.Code == 403:
		return fmt.Errorf("registration: %s: the token needs the rule service %q { policy = \"write\" }: %w", step, r.config.Service, err)
	}
	return fmt.Errorf("registration: %s: %w", step, err)
}
