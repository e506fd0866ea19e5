package record

import (
	"time"

	"github.com/lictor-dr/lictor/internal/msgpack"
)

// ACLToken (type 17). SecretID is in clear.
type ACLToken struct {
	AccessorID        string
	AuthMethod        string `json:",omitempty"`
	CreateIndex       uint64
	CreateTime        time.Time
	Description       string
	ExpirationTTL     time.Duration `json:",omitempty"`
	ExpirationTime    *time.Time    `json:",omitempty"`
	Hash              []byte
	Local             bool
	ModifyIndex       uint64
	NodeIdentities    []ACLNodeIdentity `json:",omitempty"`
	Policies          []ACLLink         `json:",omitempty"`
	Roles             []ACLLink         `json:",omitempty"`
	SecretID          string
	ServiceIdentities []ACLServiceIdentity `json:",omitempty"`
	TemplatedPolicies []ACLTemplatedPolicy `json:",omitempty"`
	Extra             msgpack.Extra        `json:"-" bexpr:"-"` // Type and Rules of 1.4 to 1.14 among them
}

// ACLLink points to a policy or role; Name is a copy.
type ACLLink struct {
	ID    string
	Name  string
	Extra msgpack.Extra `json:"-" bexpr:"-"`
}

// ACLNodeIdentity grants what the agent of a node needs.
type ACLNodeIdentity struct {
	Datacenter string
	NodeName   string
	Extra      msgpack.Extra `json:"-" bexpr:"-"`
}

// ACLServiceIdentity grants what an instance of a service needs.
type ACLServiceIdentity struct {
	Datacenters []string `json:",omitempty"`
	ServiceName string
	Extra       msgpack.Extra `json:"-" bexpr:"-"`
}

// ACLTemplatedPolicy is a use of a built-in policy template.
type ACLTemplatedPolicy struct {
	Datacenters       []string `json:",omitempty"`
	TemplateID        string
	TemplateName      string
	TemplateVariables *ACLTemplateVariables `json:",omitempty"`
	Extra             msgpack.Extra         `json:"-" bexpr:"-"`
}

// ACLTemplateVariables are the variables of a templated policy or of a binding rule.
type ACLTemplateVariables struct {
	Name  string        `json:"name,omitempty"`
	Extra msgpack.Extra `json:"-" bexpr:"-"`
}

// ACLPolicy (type 19).
type ACLPolicy struct {
	CreateIndex uint64
	Datacenters []string `json:",omitempty"`
	Description string
	Hash        []byte
	ID          string
	ModifyIndex uint64
	Name        string
	Rules       string        // HCL or JSON
	Extra       msgpack.Extra `json:"-" bexpr:"-"`
}

// ACLRole (type 23).
type ACLRole struct {
	CreateIndex       uint64
	Description       string
	Hash              []byte
	ID                string
	ModifyIndex       uint64
	Name              string
	NodeIdentities    []ACLNodeIdentity    `json:",omitempty"`
	Policies          []ACLLink            `json:",omitempty"`
	ServiceIdentities []ACLServiceIdentity `json:",omitempty"`
	TemplatedPolicies []ACLTemplatedPolicy `json:",omitempty"`
	Extra             msgpack.Extra        `json:"-" bexpr:"-"`
}

// ACLBindingRule (type 25).
type ACLBindingRule struct {
	AuthMethod  string
	BindName    string
	BindType    string
	BindVars    *ACLTemplateVariables `json:",omitempty"`
	CreateIndex uint64
	Description string
	ID          string
	ModifyIndex uint64
	Selector    string
	Extra       msgpack.Extra `json:"-" bexpr:"-"`
}

// ACLAuthMethod (type 27). Config can hold secrets in clear and is kept as it came.
type ACLAuthMethod struct {
	Config        msgpack.Raw `bexpr:"-"`
	CreateIndex   uint64
	Description   string        `json:",omitempty"`
	DisplayName   string        `json:",omitempty"`
	MaxTokenTTL   time.Duration `json:",omitempty"`
	ModifyIndex   uint64
	Name          string
	TokenLocality string `json:",omitempty"`
	Type          string
	Extra         msgpack.Extra `json:"-" bexpr:"-"`
}
