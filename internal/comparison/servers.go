package comparison

import (
	"strings"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/aclresolve"
	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/object"
	"github.com/lictor-dr/lictor/internal/record"
)

// initialManagement is the description of the management token that the configuration of the servers has.
const initialManagement = "Initial Management Token"

// serversWrite tells whether an object that was written since is one that servers write by themselves: with each term, or where the
// restored state lacks it.
func (j *judge) serversWrite(o *object.Object, what digest.Kind) bool {
	lacked := what == digest.Added
	switch v := o.Value.(type) {
	case *record.SystemMetadata:
		return lacked || v.Key == aclresolve.ServerManagementKey
	case *record.ACLPolicy:
		return v.ID == acl.GlobalManagementID || v.ID == acl.GlobalReadOnlyID
	case *record.ACLToken:
		return lacked && (v.AccessorID == acl.AnonymousAccessorID || v.Description == initialManagement)
	case *record.Autopilot, *record.Index:
		return lacked
	}
	switch o.Family {
	case object.FamilyFederation:
		return true
	case object.FamilyRoot, object.FamilyCAState, object.FamilyCAConfig:
		return lacked
	case object.FamilyConfig:
		destination, of := strings.CutPrefix(o.Name, intentionsPrefix)
		return lacked && of && j.restored.intentions[destination]
	}
	return false
}
