package recordjson

import "time"

type aclToken struct {
	AccessorID        string
	SecretID          string
	Description       string
	Policies          []aclLink            `json:",omitempty"`
	Roles             []aclLink            `json:",omitempty"`
	ServiceIdentities []aclServiceIdentity `json:",omitempty"`
	NodeIdentities    []aclNodeIdentity    `json:",omitempty"`
	TemplatedPolicies []aclTemplatedPolicy `json:",omitempty"`
	Local             bool
	AuthMethod        string        `json:",omitempty"`
	ExpirationTime    *time.Time    `json:",omitempty"`
	ExpirationTTL     time.Duration `json:",omitempty"`
	CreateTime        time.Time
	Hash              []byte
	CreateIndex       uint64
	ModifyIndex       uint64
}

type aclLink struct {
	ID   string
	Name string
}

type aclServiceIdentity struct {
	ServiceName string
	Datacenters []string `json:",omitempty"`
}

type aclNodeIdentity struct {
	NodeName   string
	Datacenter string
}

type aclTemplatedPolicy struct {
	TemplateID        string
	TemplateName      string
	TemplateVariables *aclTemplateVariables `json:",omitempty"`
	Datacenters       []string              `json:",omitempty"`
}

type aclTemplateVariables struct {
	Name string `json:"name,omitempty"`
}

type aclPolicy struct {
	ID          string
	Name        string
	Description string
	Rules       string
	Datacenters []string `json:",omitempty"`
	Hash        []byte
	CreateIndex uint64
	ModifyIndex uint64
}

type aclRole struct {
	ID                string
	Name              string
	Description       string
	Policies          []aclLink            `json:",omitempty"`
	ServiceIdentities []aclServiceIdentity `json:",omitempty"`
	NodeIdentities    []aclNodeIdentity    `json:",omitempty"`
	TemplatedPolicies []aclTemplatedPolicy `json:",omitempty"`
	Hash              []byte
	CreateIndex       uint64
	ModifyIndex       uint64
}

type aclBindingRule struct {
	ID          string
	Description string
	AuthMethod  string
	Selector    string
	BindType    string
	BindName    string
	BindVars    *aclTemplateVariables `json:",omitempty"`
	CreateIndex uint64
	ModifyIndex uint64
}

type aclAuthMethod struct {
	MaxTokenTTL   duration `json:",omitempty"`
	Name          string
	Type          string
	DisplayName   string `json:",omitempty"`
	Description   string `json:",omitempty"`
	TokenLocality string `json:",omitempty"`
	Config        map[string]anything
	CreateIndex   uint64
	ModifyIndex   uint64
}
