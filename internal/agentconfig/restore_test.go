package agentconfig

import (
	"reflect"
	"strings"
	"testing"
)

func TestRestoreKeys(t *testing.T) {
	if c := mustServer(t, ""); c.Restore.From != "" || c.Restore.Backup != "latest" {
		t.Errorf("without a key: %+v", c.Restore)
	}
	want := RestoreConfig{From: "s3://b", Backup: "17", Cluster: "prod", IdentityFiles: []string{"a", "b"}, PassphraseFile: "p"}
	c := mustServer(t, `restore_from = "s3://b" restore_backup = "17" restore_cluster = "prod" restore_identity_files = ["a", "b"] restore_passphrase_file = "p"`)
	if !reflect.DeepEqual(c.Restore, want) {
		t.Errorf("keys: %+v", c.Restore)
	}
	c = mustServer(t, "", "-restore-from=s3://b", "-restore-backup=17", "-restore-cluster=prod", "-restore-identity=a", "-restore-identity=b", "-restore-passphrase-file=p")
	if !reflect.DeepEqual(c.Restore, want) {
		t.Errorf("flags: %+v", c.Restore)
	}
}

func TestRestoreMistakes(t *testing.T) {
	for _, tt := range []struct{ hcl, want string }{
		{`restore_backup = "17"`, "restore_backup says nothing without restore_from"},
		{`restore_identity_files = ["a"]`, "restore_identity_files says nothing without restore_from"},
		{`restore_from = "s3://b" restore_backup = " "`, `restore_backup must be the ID of a backup, or "latest"`},
		{`restore_from = "s3://b" retry_join = ["10.0.0.1"]`, "Use bootstrap_expect with the number of servers"},
	} {
		if _, _, err := server(t, tt.hcl); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.hcl, err)
		}
	}
	if _, _, err := client(t, `restore_from = "s3://b"`); err == nil || !strings.Contains(err.Error(), "requires 'server = true'") {
		t.Errorf("a client agent: %v", err)
	}
}
