package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/cli"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/inventory"
	"github.com/lictor-dr/lictor/internal/snapshotagent"
	"github.com/lictor-dr/lictor/internal/version"
)

// snapshotAdopt gives archives without an entry to a cluster.
type snapshotAdopt struct {
	*program
	storeFlags
	connection
	keyFlags
	force bool
}

func newSnapshotAdopt(p *program) cli.Command {
	c := &snapshotAdopt{program: p}
	return &leaf{
		program: p,
		manual: manual{
			synopsis: "Takes over snapshots that have no entry",
			usage:    "snapshot adopt [options] ID|all",
			about: `
Gives an archive in a store that has no entry beside it, such as one of the
Enterprise snapshot agent, or one whose entry was lost, to a cluster. From
then on it counts among that cluster's snapshots, and is deleted when there
are too many. Until then nobody deletes it.

The archive is read to its last record; a damaged one is not adopted, and one
that is encrypted only with what decrypts it. It is
"unproven" until "snapshot verify -drill". The cluster is the one that
-cluster, or cluster in the configuration, names; else the one of the agent at
-http-addr, or of the one that the configuration names. With "all" only
archives that name this cluster's certificate authority are taken, or all of
them with -force.`,
			examples: `
    $ {program} snapshot adopt -store=/srv/snapshots 1479360073448728784
    $ {program} snapshot adopt -config-file=/etc/lictor.d/snapshot.json all`,
			status: []exitStatus{
				{0, "what was asked for is adopted, or was this cluster's already"},
				{1, "wrong arguments, or an archive is damaged or another cluster's"},
			},
		},
		groups: []optionGroup{
			options("Store Options", c.storeFlags.define), options("HTTP API Options", c.clientFlags.define), options("Command Options", c.define),
			options("Decryption Options", c.keyFlags.define),
		},
		execute: c.run,
	}
}

func (c *snapshotAdopt) define(fs *flag.FlagSet) {
	fs.BoolVar(&c.force, "force", false, "Adopt archives also if their certificate authority is not this cluster's.")
}

func (c *snapshotAdopt) run(args []string) int {
	if len(args) != 1 {
		return c.fail("Error adopting snapshots: one argument is needed, an ID or all (got %d)", len(args))
	}
	ctx, stop := interruptible()
	defer stop()
	stores, err := c.open(ctx, c.program)
	if err != nil {
		return c.fail("Error adopting snapshots: %s", err)
	}
	defer closeStores(c.program, stores)
	claim, err := c.claim(ctx, stores)
	if err != nil {
		return c.fail("Error adopting snapshots: %s", err)
	}
	if args[0] == "all" {
		return c.all(ctx, stores, claim)
	}
	err = inAny(stores, func(store blobstore.Store) error {
		e, err := inventory.Adopt(ctx, store, args[0], claim)
		if err == nil {
			c.adopted(store, e)
		}
		return err
	})
	if err != nil {
		return c.fail("Error adopting snapshots: %s", err)
	}
	return 0
}

func (c *snapshotAdopt) adopted(store blobstore.Store, e *inventory.Entry) {
	c.say("Adopted %s for cluster %s: index %d, %s", store.Location(e.Name), printable(e.Cluster), e.Index, e.Proof)
}

func (c *snapshotAdopt) all(ctx context.Context, stores []blobstore.Store, claim inventory.Claim) int {
	code := 0
	for _, store := range stores {
		done, err := inventory.Rebuild(ctx, store, claim)
		for _, e := range done.Rebuilt {
			c.adopted(store, e)
		}
		for _, s := range done.Skipped {
			hint := ""
			if errors.Is(s.Err, inventory.ErrClaimed) {
				hint = "; if it is this cluster's, adopt it by its ID with -force"
			}
			code = c.fail("Left %s: %s%s", store.Location(s.Name), s.Err, hint)
		}
		if err != nil {
			return c.fail("Error adopting snapshots: %s", err)
		}
	}
	return code
}

// claim says which cluster archives are claimed for: the one that is named, or else the one whose agent is asked. If the stores have
// backups of that datacenter already, it is the cluster that these are of.
func (c *snapshotAdopt) claim(ctx context.Context, stores []blobstore.Store) (inventory.Claim, error) {
	claim := inventory.Claim{Cluster: c.cluster, AnyTrustDomain: c.force, Writer: "lictor " + version.Lictor, Now: time.Now}
	var err error
	if claim.Keys, err = c.keys(c.program); err != nil {
		return claim, err
	}
	to := c.target()
	client, err := to.client(c.program)
	if err != nil {
		return claim, err
	}
	identity, err := snapshotagent.Identify(client, to.datacenter)(ctx)
	if err != nil {
		if c.cluster == "" {
			return claim, fmt.Errorf("which cluster this is cannot be asked: %w; name it with -cluster", err)
		}
		return claim, nil
	}
	claim.Datacenter = identity.Datacenter
	if c.cluster != "" {
		return claim, nil
	}
	known, err := clustersOf(ctx, stores, claim.Datacenter)
	switch {
	case err != nil:
		return claim, err
	case len(known) > 1:
		return claim, fmt.Errorf("the stores have backups of several clusters of datacenter %s (%s): choose one with -cluster", claim.Datacenter,
			strings.Join(known, ", "))
	case len(known) == 1:
		claim.Cluster = known[0]
		_, claim.TrustDomain, _ = strings.Cut(claim.Cluster, "/")
		return claim, nil
	}
	if claim.TrustDomain, err = snapshotagent.TrustDomain(ctx, client); err != nil {
		return claim, fmt.Errorf("the cluster's certificate authority cannot be asked: %w; name the cluster with -cluster", err)
	}
	claim.Cluster = inventory.ClusterName("", claim.Datacenter, claim.TrustDomain)
	return claim, nil
}

// target is the Consul agent that is asked: the one that the configuration names, as far as flags do not say otherwise.
func (c *snapshotAdopt) target() *connection {
	if c.configured == nil {
		return &c.connection
	}
	to, flags := connectionOf(c.configured), &c.connection
	if flags.token != "" || flags.tokenFile != "" {
		to.token, to.tokenFile = flags.token, flags.tokenFile
	}
	to.addr = cmp.Or(flags.addr, to.addr)
	to.caFile, to.caPath = cmp.Or(flags.caFile, to.caFile), cmp.Or(flags.caPath, to.caPath)
	to.clientCert, to.clientKey = cmp.Or(flags.clientCert, to.clientCert), cmp.Or(flags.clientKey, to.clientKey)
	to.tlsServerName = cmp.Or(flags.tlsServerName, to.tlsServerName)
	return to
}

// clustersOf are the clusters of a datacenter that stores have backups of.
func clustersOf(ctx context.Context, stores []blobstore.Store, datacenter string) (names []string, err error) {
	for _, store := range stores {
		inv, err := inventory.List(ctx, store, nil)
		if err != nil {
			return nil, err
		}
		for _, b := range inv.Backups {
			if b.Entry != nil && b.Entry.Datacenter == datacenter {
				names = append(names, b.Entry.Cluster)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}
