package acl

import (
	"errors"
	"testing"
)

func TestErrorTexts(t *testing.T) {
	const id = "acce5500-fa4e-4000-8000-000000000011"
	const token = "Permission denied: token with AccessorID '" + id + "' lacks permission "
	const hint = ". The anonymous token is used implicitly when a request does not specify a token."
	for _, c := range []struct {
		err    error
		status int
		text   string
	}{
		{Denied(id, false, Key, Write, "app/x"), 403, token + `'key:write' on "app/x"`},
		{Denied(id, false, Key, List, "l/"), 403, token + `'key:list' on "l/"`},
		{Denied(id, false, Service, Read, "web"), 403, token + `'service:read' on "web"`},
		{Denied(id, false, Key, Write, ""), 403, token + `'key:write' on ""`},
		{Denied(id, false, Event, Write, "deploy"), 403, `Permission denied`},
		{Denied(id, false, ACL, Write, "x"), 403, token + `'acl:write'`},
		{Denied(id, false, Operator, Read, "x"), 403, token + `'operator:read'`},
		{Denied(id, false, Keyring, Read, "x"), 403, token + `'keyring:read'`},
		{Denied(id, false, Mesh, Read, "x"), 403, token + `'mesh:read'`},
		{Denied(id, false, Peering, Read, "x"), 403, token + `'peering:read'`},
		{Denied("", true, ACL, Write, ""), 403, "Permission denied: anonymous token lacks permission 'acl:write'" + hint},
		{Denied("", true, Session, Read, "n1"), 403, `Permission denied: anonymous token lacks permission 'session:read' on "n1"` + hint},
		{ErrNotFound, 403, "ACL not found"},
		{ErrDisabled, 401, "ACL support disabled"},
		{ErrBootstrapRequired, 403,
			"ACL system must be bootstrapped before making any requests that require authorization: ACL not found"},
	} {
		if c.err.Error() != c.text {
			t.Errorf("got  %s\nwant %s", c.err, c.text)
		}
		var chooses interface{ HTTPStatus() int }
		if !errors.As(c.err, &chooses) || chooses.HTTPStatus() != c.status {
			t.Errorf("%v: status is not %d", c.err, c.status)
		}
	}
	if !errors.Is(ErrBootstrapRequired, ErrNotFound) || errors.Is(ErrNotFound, ErrDisabled) {
		t.Error("ErrBootstrapRequired alone wraps ErrNotFound")
	}
	var perm *PermissionError
	if !errors.As(Denied(id, false, Key, Write, "k"), &perm) || perm.AccessorID != id || perm.Name != "k" {
		t.Errorf("PermissionError %+v", perm)
	}
}
