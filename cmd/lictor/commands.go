package main

import "github.com/hashicorp/cli"

// constructor makes one command. It must be cheap: printing the help of a
// group constructs every command in it.
type constructor func(*program) cli.Command

// commands is the command tree: each command under its full name. A group is
// entered like a command; its members are those whose names begin with its own.
var commands = map[string]constructor{
	"agent":                    newAgent,
	"demo":                     newDemo,
	"info":                     newInfo,
	"kv":                       newKVGroup,
	"kv delete":                newKVDelete,
	"kv export":                newKVExport,
	"kv get":                   newKVGet,
	"kv import":                newKVImport,
	"kv put":                   newKVPut,
	"members":                  newMembers,
	"operator":                 newOperatorGroup,
	"operator raft":            newOperatorRaftGroup,
	"operator raft list-peers": newListPeers,
	"snapshot":                 newSnapshotGroup,
	"snapshot adopt":           newSnapshotAdopt,
	"snapshot agent":           newSnapshotAgent,
	"snapshot decode":          newSnapshotDecode,
	"snapshot get":             newSnapshotGet,
	"snapshot inspect":         newSnapshotInspect,
	"snapshot list":            newSnapshotList,
	"snapshot restore":         newSnapshotRestore,
	"snapshot save":            newSnapshotSave,
	"snapshot verify":          newSnapshotVerify,
	"version":                  newVersion,
}

func commandTree(p *program) map[string]cli.CommandFactory {
	tree := make(map[string]cli.CommandFactory, len(commands))
	for name, construct := range commands {
		tree[name] = func() (cli.Command, error) { return construct(p), nil }
	}
	return tree
}
