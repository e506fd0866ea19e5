package main

import "github.com/hashicorp/cli"

// constructor makes one command. It must be cheap: printing the help of a
// group constructs every command in it.
type constructor func(*program) cli.Command

// commands is the command tree: each command under its full name. A group is
// entered like a command; its members are those whose names begin with its own.
var commands = map[string]constructor{
	"agent":                         newAgent,
	"consul-snapshot":               newConsulSnapshot,
	"consul-snapshot backup":        newConsulSnapshotBackup,
	"consul-snapshot restore":       newConsulSnapshotRestore,
	"consul-snapshot version":       newConsulSnapshotVersion,
	"demo":                          newDemo,
	"force-leave":                   newForceLeave,
	"info":                          newInfo,
	"join":                          newJoin,
	"keygen":                        newKeygen,
	"keyring":                       newKeyring,
	"kv":                            newKVGroup,
	"kv delete":                     newKVDelete,
	"kv export":                     newKVExport,
	"kv get":                        newKVGet,
	"kv import":                     newKVImport,
	"kv put":                        newKVPut,
	"leave":                         newLeave,
	"members":                       newMembers,
	"operator":                      newOperatorGroup,
	"operator autopilot":            newOperatorAutopilotGroup,
	"operator autopilot get-config": newAutopilotGetConfig,
	"operator autopilot set-config": newAutopilotSetConfig,
	"operator autopilot state":      newAutopilotState,
	"operator raft":                 newOperatorRaftGroup,
	"operator raft list-peers":      newListPeers,
	"operator raft remove-peer":     newRemovePeer,
	"operator raft transfer-leader": newTransferLeader,
	"reload":                        newReload,
	"snapshot":                      newSnapshotGroup,
	"snapshot adopt":                newSnapshotAdopt,
	"snapshot agent":                newSnapshotAgent,
	"snapshot decode":               newSnapshotDecode,
	"snapshot diff":                 newSnapshotDiff,
	"snapshot export":               newSnapshotExport,
	"snapshot get":                  newSnapshotGet,
	"snapshot inspect":              newSnapshotInspect,
	"snapshot list":                 newSnapshotList,
	"snapshot prune":                newSnapshotPrune,
	"snapshot rekey":                newSnapshotRekey,
	"snapshot restore":              newSnapshotRestore,
	"snapshot save":                 newSnapshotSave,
	"snapshot status":               newSnapshotStatus,
	"snapshot undo":                 newSnapshotUndo,
	"snapshot verify":               newSnapshotVerify,
	"tls":                           newTLSGroup,
	"tls ca":                        newTLSCAGroup,
	"tls ca create":                 newTLSCACreate,
	"tls cert":                      newTLSCertGroup,
	"tls cert create":               newTLSCertCreate,
	"version":                       newVersion,
}

func commandTree(p *program) map[string]cli.CommandFactory {
	tree := make(map[string]cli.CommandFactory, len(commands))
	for name, construct := range commands {
		tree[name] = func() (cli.Command, error) { return construct(p), nil }
	}
	return tree
}
