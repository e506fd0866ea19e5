package record

import (
	"time"

	"github.com/lictor-dr/lictor/internal/msgpack"
)

// ACLToken (type 17). SecretID is in clear.
type ACLToken struct {
	AccessorID        string
	AuthMethod        string
	CreateIndex       uint64
	CreateTime        time.Time
	Description       string
	ExpirationTTL     time.Duration
	ExpirationTime    *time.Time
	Hash              []byte
	Local             bool
	ModifyIndex       uint64
	NodeIdentities    []ACLNodeIdentity
	Policies          []ACLLink
	Roles             []ACLLink
	SecretID          string
	ServiceIdentities []ACLServiceIdentity
	TemplatedPolicies []ACLTemplatedPolicy
	Extra             msgpack.Extra // Type and Rules of 1.4 to 1.14 among them
}

// ACLLink points to a policy or role; Name is a copy.
type ACLLink struct {
	ID    string
	Name  string
	Extra msgpack.Extra
}

// ACLNodeIdentity grants what the agent of a node needs.
type ACLNodeIdentity struct {
	Datacenter string
	NodeName   string
	Extra      msgpack.Extra
}

// ACLServiceIdentity grants what an instance of a service needs.
type ACLServiceIdentity struct {
	Datacenters []string
	ServiceName string
	Extra       msgpack.Extra
}

// ACLTemplatedPolicy is a use of a built-in policy template.
type ACLTemplatedPolicy struct {
	Datacenters       []string
	TemplateID        string
	TemplateName      string
	TemplateVariables *ACLTemplateVariables
	Extra             msgpack.Extra
}

// ACLTemplateVariables are the variables of a templated policy or of a binding rule.
type ACLTemplateVariables struct {
	Name  string
	Extra msgpack.Extra
}

// ACLPolicy (type 19).
type ACLPolicy struct {
	CreateIndex uint64
	Datacenters []string
	Description string
	Hash        []byte
	ID          string
	ModifyIndex uint64
	Name        string
	Rules       string // HCL or JSON
	Extra       msgpack.Extra
}

// ACLRole (type 23).
type ACLRole struct {
	CreateIndex       uint64
	Description       string
	Hash              []byte
	ID                string
	ModifyIndex       uint64
	Name              string
	NodeIdentities    []ACLNodeIdentity
	Policies          []ACLLink
	ServiceIdentities []ACLServiceIdentity
	TemplatedPolicies []ACLTemplatedPolicy
	Extra             msgpack.Extra
}

// ACLBindingRule (type 25).
type ACLBindingRule struct {
	AuthMethod  string
	BindName    string
	BindType    string
	BindVars    *ACLTemplateVariables
	CreateIndex uint64
	Description string
	ID          string
	ModifyIndex uint64
	Selector    string
	Extra       msgpack.Extra
}

// ACLAuthMethod (type 27). Config can hold secrets in clear and is kept as it came.
type ACLAuthMethod struct {
	Config        msgpack.Raw
	CreateIndex   uint64
	Description   string
	DisplayName   string
	MaxTokenTTL   time.Duration
	ModifyIndex   uint64
	Name          string
	TokenLocality string
	Type          string
	Extra         msgpack.Extra
}
