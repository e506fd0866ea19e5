package snapshotagent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/backup"
	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/election"
	"github.com/lictor-dr/lictor/internal/encryption"
	"github.com/lictor-dr/lictor/internal/inventory"
	"github.com/lictor-dr/lictor/internal/registration"
	"github.com/lictor-dr/lictor/internal/retention"
	"github.com/lictor-dr/lictor/internal/scratch"
	"github.com/lictor-dr/lictor/internal/snapshotconfig"
)

// sessionName is the name of the agents' sessions. It tells them from those of other locks, which backups must not leave out.
const sessionName = "Consul Snapshot Agent"

// Open makes an agent of a configuration, for the cluster that the client talks to.
func Open(ctx context.Context, c *snapshotconfig.Config, client *api.Client, log hclog.Logger) (*Agent, error) {
	dir, err := scratch.Open(c.ScratchDir)
	if err != nil {
		return nil, err
	}
	settings, err := openSettings(ctx, c, client, dir, log)
	if err != nil {
		return nil, err
	}
	node, err := os.Hostname()
	if err != nil {
		log.Warn("hooks are not told where this agent runs", "error", err)
	}
	config := Config{
		Node:     node,
		Settings: settings, Cluster: c.Cluster, Own: inventory.Own{LockKey: c.LockKey, Service: c.Service, Session: sessionName},
		Listen: c.Listen, ListenOptional: !c.ListenConfigured, Identify: Identify(client, c.Connection.Datacenter), Scratch: dir, Log: log,
	}
	if c.OneShot {
		config.Rival = rival(client, c.LockKey)
	} else {
		if err := takePart(&config, c, client, log); err != nil {
			return nil, errors.Join(err, closeAll(settings.Destinations))
		}
	}
	return New(config)
}

// takePart adds what an agent needs that is one of several.
func takePart(config *Config, c *snapshotconfig.Config, client *api.Client, log hclog.Logger) error {
	candidate, err := election.New(client, election.Config{Key: c.LockKey, Value: []byte(holder()), SessionName: sessionName, Logger: log.Named("election")})
	if err != nil {
		return err
	}
	registrar, err := registration.New(client, registration.Config{
		Service: c.Service, SavingTTL: c.MaxAge(), DeregisterAfter: c.DeregisterAfter, Logger: log.Named("registration"),
	})
	if err != nil {
		return errors.Join(err, candidate.Close())
	}
	config.Elector, config.Registrar = &elector{candidate}, registrar
	return nil
}

// rival asks who holds the lock. Without the right to read it nobody is known.
func rival(client *api.Client, key string) func(context.Context) string {
	return func(ctx context.Context) string {
		ctx, cancel := context.WithTimeout(ctx, identifyTimeout)
		defer cancel()
		pair, _, err := client.KV().Get(key, new(api.QueryOptions).WithContext(ctx))
		if err != nil || pair == nil || pair.Session == "" {
			return ""
		}
		return cmp.Or(string(pair.Value), "the holder of "+key)
	}
}

// holder says, for people, who holds the lock.
func holder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	return "lictor snapshot agent on " + host + ", pid " + strconv.Itoa(os.Getpid())
}

// elector is the election as the agent sees it.
type elector struct{ *election.Candidate }

// Campaign waits for leadership.
func (e *elector) Campaign(ctx context.Context) (Term, error) {
	term, err := e.Candidate.Campaign(ctx)
	if err != nil {
		return nil, err
	}
	return term, nil
}

// Open opens what another configuration asks for that may change while the agent runs, for [Agent.Reload].
func (a *Agent) Open(ctx context.Context, c *snapshotconfig.Config, client *api.Client) (Settings, error) {
	return openSettings(ctx, c, client, a.config.Scratch, a.log)
}

func openSettings(ctx context.Context, c *snapshotconfig.Config, client *api.Client, dir *scratch.Dir, log hclog.Logger) (Settings, error) {
	s := Settings{
		Interval: c.Interval, MaxFailures: c.MaxFailures, MaxAge: c.MaxAge(), SkipUnchanged: c.SkipUnchanged, DrillEvery: c.Drill.Every,
		MaxShrink: c.MaxShrink, RPO: c.RPO, Bandwidth: c.BandwidthLimit, Hooks: c.Hooks.Hooks(),
		Source: &backup.Cluster{Client: client, Stale: c.Stale},
		Prover: &driller{memory: c.Drill.Memory, consulBinary: c.Drill.ConsulBinary, scratch: dir},
	}
	var err error
	if s.Encrypt, err = openEncryption(&c.Encryption, log); err != nil {
		return s, err
	}
	s.Destinations, err = OpenDestinations(ctx, &c.Destinations, log)
	return s, err
}

// openEncryption returns whom a configuration encrypts for, nil for nobody.
func openEncryption(c *snapshotconfig.Encryption, log hclog.Logger) (*encryption.Recipients, error) {
	switch {
	case len(c.Recipients) > 0:
		return encryption.ParseRecipients(c.Recipients)
	case c.PassphraseFile == "":
		return nil, nil
	}
	secret, warning, err := encryption.ReadPassphrase(c.PassphraseFile)
	if err != nil {
		return nil, err
	}
	if warning != "" {
		log.Warn(warning)
	}
	return encryption.Passphrase(secret)
}

// OpenDestinations opens the destinations of a configuration.
func OpenDestinations(ctx context.Context, from *snapshotconfig.Destinations, log hclog.Logger) (all []Destination, err error) {
	warn := func(err error) { log.Warn("a destination", "warning", err) }
	add := func(store blobstore.Store, opening error, retain int, keep retention.Rules) {
		if opening != nil {
			err = errors.Join(err, opening)
			return
		}
		all = append(all, Destination{Store: store, Retain: retain, Keep: keep})
	}
	for _, d := range from.Local {
		store, err := blobstore.Dir(d.Path, warn)
		add(store, err, d.Retain, d.Keep)
	}
	for _, d := range from.S3 {
		store, err := blobstore.S3(ctx, blobstore.S3Config{
			Bucket: d.Bucket, Region: d.Region, Endpoint: d.Endpoint, ForcePathStyle: d.ForcePathStyle, KeyPrefix: d.KeyPrefix,
			StaticName: d.StaticName, ServerSideEncryption: d.SSE, EnableKMS: d.KMS, KMSKeyID: d.KMSKeyID,
			AccessKeyID: string(d.AccessKeyID), SecretAccessKey: string(d.SecretAccessKey), SessionToken: string(d.SessionToken),
			RoleARN: d.RoleARN, RoleSessionName: d.RoleSessionName, WebIdentityTokenFile: d.WebIdentityTokenFile, STSEndpoint: d.STSEndpoint,
			Warn: warn,
		})
		add(store, err, d.Retain, d.Keep)
	}
	for _, d := range from.Azure {
		store, err := blobstore.Azure(ctx, blobstore.AzureConfig{
			AccountName: d.AccountName, AccountKey: string(d.AccountKey), ContainerName: d.ContainerName, Environment: d.Environment,
			ServicePrincipalID: d.ServicePrincipalID, ServicePrincipalSecret: string(d.ServicePrincipalSecret), TenantID: d.TenantID,
			Endpoint: d.Endpoint, KeyPrefix: d.KeyPrefix,
		})
		add(store, err, d.Retain, d.Keep)
	}
	for _, d := range from.GCS {
		store, err := blobstore.GCS(ctx, blobstore.GCSConfig{Bucket: d.Bucket, KeyPrefix: d.KeyPrefix, Endpoint: d.Endpoint})
		add(store, err, d.Retain, d.Keep)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open destinations: %w", err), closeAll(all))
	}
	return all, nil
}

func closeAll(destinations []Destination) error {
	var errs []error
	for _, d := range destinations {
		errs = append(errs, d.Store.Close())
	}
	return errors.Join(errs...)
}
