package main

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/retention"
	"github.com/lictor-dr/lictor/internal/snapshotagent"
	"github.com/lictor-dr/lictor/internal/snapshotconfig"
)

// storeFlags say where backups are kept.
type storeFlags struct {
	store   string
	files   []string
	cluster string

	configured *snapshotconfig.Config      // of the files, once they have been opened; nil without
	keep       []snapshotagent.Destination // likewise: the stores, with what is kept in each
}

func (s *storeFlags) define(fs *flag.FlagSet) {
	fs.StringVar(&s.store, "store", "",
		"Where backups are kept: a directory, or a `URL`: file:///PATH, s3://BUCKET/PREFIX?region=REGION, azblob://CONTAINER/PREFIX, "+
			"gs://BUCKET/PREFIX. Credentials are taken from the environment, as the providers' own tools do.")
	fs.Func("config-file", "A configuration `file` of the snapshot agent, whose destinations are the stores. Can be given multiple times.",
		func(path string) error { s.files = append(s.files, path); return nil })
	fs.StringVar(&s.cluster, "cluster", "", "The `name` of the cluster whose backups are meant, where a store has those of several.")
}

// given tells whether a store was named.
func (s *storeFlags) given() bool { return s.store != "" || len(s.files) > 0 }

// open opens the stores, which the caller closes. A cluster that the configuration names is the one that is meant.
func (s *storeFlags) open(ctx context.Context, p *program) ([]blobstore.Store, error) {
	if s.store != "" && len(s.files) > 0 {
		return nil, errors.New("-store and -config-file are two ways to name the stores: use one of them")
	}
	warn := func(err error) { p.warn("%s", err) }
	if s.store != "" {
		store, err := blobstore.OpenURL(ctx, s.store, warn)
		if err != nil {
			return nil, err
		}
		return []blobstore.Store{store}, nil
	}
	config, err := s.config()
	if err != nil {
		return nil, err
	}
	s.configured = config
	if s.cluster == "" {
		s.cluster = config.Cluster
	}
	destinations, err := snapshotagent.OpenDestinations(ctx, &config.Destinations, hclog.New(&hclog.LoggerOptions{Output: p.err, Level: hclog.Warn}))
	if err != nil {
		return nil, err
	}
	s.keep = destinations
	var stores []blobstore.Store
	for _, d := range destinations {
		stores = append(stores, d.Store)
	}
	return stores, nil
}

// config reads the configuration files.
func (s *storeFlags) config() (*snapshotconfig.Config, error) {
	if len(s.files) == 0 {
		return nil, errors.New("no store is named: use -store=DIRECTORY, -store=URL or -config-file=FILE")
	}
	var args []string
	for _, file := range s.files {
		args = append(args, "-config-file", file)
	}
	flags, err := snapshotconfig.ParseFlags(args)
	if err != nil {
		return nil, err
	}
	config, _, err := snapshotconfig.Load(flags)
	return config, err
}

// maxShrink is by how many percent a state may shrink at once.
func (s *storeFlags) maxShrink() int {
	if s.configured == nil {
		return retention.MaxShrink
	}
	return s.configured.MaxShrink
}

// closeStores closes stores that were only read.
func closeStores(p *program, stores []blobstore.Store) {
	for _, s := range stores {
		if err := s.Close(); err != nil {
			p.warn("closing %s: %s", s, err)
		}
	}
}

// inAny calls try for one store after the other until it succeeds. Its errors are joined, each with the store's name.
func inAny(stores []blobstore.Store, try func(blobstore.Store) error) error {
	var errs []error
	for _, s := range stores {
		err := try(s)
		if err == nil {
			return nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", s, err))
	}
	return errors.Join(errs...)
}
