package main

import "github.com/hashicorp/cli"

func newKVGroup(p *program) cli.Command {
	return &group{p, manual{
		synopsis: "Interact with the key-value store",
		usage:    "kv <subcommand> [options] [args]",
		about: `
Reads and writes the key-value store of a datacenter through its HTTP API.`,
		examples: `
Write a key, read it back, and list what is under a prefix:

    $ {program} kv put redis/config/connections 5
    $ {program} kv get redis/config/connections
    $ {program} kv get -recurse redis/

Move a part of the store to another datacenter:

    $ {program} kv export redis/ > redis.json
    $ {program} kv import -http-addr=other:8500 @redis.json`,
	}}
}

func newOperatorGroup(p *program) cli.Command {
	return &group{p, manual{
		synopsis: "Provides cluster-level tools for operators",
		usage:    "operator <subcommand> [options] [args]",
		about: `
Tools for the operator of a cluster. With ACLs enabled they need a token that
grants operator:read, and operator:write to change anything.`,
		examples: `
    $ {program} operator autopilot state
    $ {program} operator raft list-peers`,
	}}
}

func newOperatorAutopilotGroup(p *program) cli.Command {
	return &group{p, manual{
		synopsis: "Provides tools for the management of servers by Autopilot",
		usage:    "operator autopilot <subcommand> [options]",
		about: `
Tools for autopilot, by which the leader looks after the other servers: it
judges their health, gives new ones a vote once they are stable, and removes
failed ones.`,
		examples: `
    $ {program} operator autopilot state
    $ {program} operator autopilot get-config
    $ {program} operator autopilot set-config -cleanup-dead-servers=false`,
	}}
}

func newOperatorRaftGroup(p *program) cli.Command {
	return &group{p, manual{
		synopsis: "Provides tools for the Raft subsystem",
		usage:    "operator raft <subcommand> [options]",
		about: `
Tools for Raft, the consensus protocol by which the servers of a datacenter
replicate its state.`,
		examples: `
    $ {program} operator raft list-peers
    $ {program} operator raft transfer-leader
    $ {program} operator raft remove-peer -address=10.0.0.3:8300`,
	}}
}

func newSnapshotGroup(p *program) cli.Command {
	return &group{p, manual{
		synopsis: "Saves, restores and inspects snapshots of server state",
		usage:    "snapshot <subcommand> [options] [args]",
		about: `
Works on snapshots. A snapshot is one file that holds the state of a
datacenter at one moment, for disaster recovery. It contains every secret of
that state: keep it as safe as the servers themselves.`,
		examples: `
    $ {program} snapshot save backup.snap
    $ {program} snapshot inspect backup.snap
    $ {program} snapshot restore -dry-run backup.snap
    $ {program} snapshot restore backup.snap`,
	}}
}

func newTLSGroup(p *program) cli.Command {
	return &group{p, manual{
		synopsis: "Makes certificate authorities and certificates for agents",
		usage:    "tls <subcommand> [options]",
		about: `
Makes what agents need to know each other by TLS: a certificate authority of
the cluster, and certificates that it signs. No agent is asked.`,
		examples: `
    $ {program} tls ca create
    $ {program} tls cert create -server
    $ {program} tls cert create -client
    $ {program} tls cert create -cli`,
	}}
}

func newTLSCAGroup(p *program) cli.Command {
	return &group{p, manual{
		synopsis: "Makes certificate authorities",
		usage:    "tls ca <subcommand> [options]",
		about: `
Makes the certificate authority of a cluster: a certificate, which every agent
has, and its key, which signs the certificates of agents.`,
		examples: `
    $ {program} tls ca create
    $ {program} tls ca create -domain=example -name-constraint`,
	}}
}

func newTLSCertGroup(p *program) cli.Command {
	return &group{p, manual{
		synopsis: "Makes certificates",
		usage:    "tls cert <subcommand> [options]",
		about: `
Makes certificates for servers, client agents and the command line, signed by
a certificate authority of "tls ca create" or any other.`,
		examples: `
    $ {program} tls cert create -server -dc=dc1
    $ {program} tls cert create -client
    $ {program} tls cert create -cli`,
	}}
}
