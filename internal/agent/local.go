package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/lictor-dr/lictor/internal/agentconfig"
	"github.com/lictor-dr/lictor/internal/definition"
	"github.com/lictor-dr/lictor/internal/httpapi"
	"github.com/lictor-dr/lictor/internal/localstate"
	"github.com/lictor-dr/lictor/internal/record"
)

// openLocal makes the registry of the agent's own services and checks, and fills it with what the files define and what was registered
// over the API before a restart.
func (a *Agent) openLocal() error {
	node, _ := a.registration()
	c := localstate.Config{
		Node:       localstate.NodeInfo{Node: node.Node, ID: node.ID, Address: node.Address, TaggedAddresses: node.TaggedAddresses, Meta: node.NodeMeta},
		Datacenter: a.config.Datacenter, Catalog: &ownCatalog{a}, Tokens: ownTokens{a.tokens}, Logger: a.log,
		LocalScripts: a.config.Checks.LocalScripts, RemoteScripts: a.config.Checks.RemoteScripts,
		CheckUpdateInterval: a.config.Checks.UpdateInterval, CheckOutputMaxSize: a.config.Checks.OutputMaxSize,
		DiscardCheckOutput: a.config.Checks.DiscardOutput, CheckTLS: a.tls.CheckClient,
	}
	if a.dir != nil {
		c.DataDir = a.config.DataDir
	}
	local, err := localstate.New(c)
	if err != nil {
		return err
	}
	a.local = local
	return a.loadDefinitions(a.config)
}

// loadDefinitions registers what a configuration defines, in place of what an earlier one did.
func (a *Agent) loadDefinitions(config *agentconfig.Config) error {
	var services []*definition.Service
	for _, m := range config.Services {
		s, warnings, err := definition.ServiceFromConfig(m)
		if err != nil {
			return err
		}
		for _, warning := range warnings {
			a.log.Warn(warning)
		}
		services = append(services, s)
	}
	var checks []*definition.Check
	for _, m := range config.CheckDefinitions {
		c, err := definition.CheckFromConfig(m)
		if err != nil {
			return err
		}
		checks = append(checks, c)
	}
	return a.local.Load(context.Background(), services, checks)
}

// startLocal begins to bring the registry into the catalog.
func (a *Agent) startLocal() error {
	a.local.Start(context.Background())
	return nil
}

// ownCatalog is the catalog as the agent sees it: through its own HTTP API, like everybody else.
type ownCatalog struct{ *Agent }

// catalogRegistration is the body of a registration.
type catalogRegistration struct {
	ID, Node, Address string
	TaggedAddresses   map[string]string
	NodeMeta          map[string]string
	SkipNodeUpdate    bool
	Service           *record.NodeService
	Checks            []*record.HealthCheck
}

// Register registers through PUT /v1/catalog/register.
func (c *ownCatalog) Register(ctx context.Context, token string, r localstate.Registration) error {
	return c.ask(ctx, http.MethodPut, "/v1/catalog/register", token, catalogRegistration{
		ID: r.ID, Node: r.Node, Address: r.Address, TaggedAddresses: r.TaggedAddresses, NodeMeta: r.Meta, SkipNodeUpdate: r.SkipNodeUpdate,
		Service: r.Service, Checks: r.Checks,
	}, nil)
}

// Deregister deregisters through PUT /v1/catalog/deregister.
func (c *ownCatalog) Deregister(ctx context.Context, token, node, serviceID, checkID string) error {
	return c.ask(ctx, http.MethodPut, "/v1/catalog/deregister", token,
		struct{ Node, ServiceID, CheckID string }{node, serviceID, checkID}, nil)
}

// Node reads a node with its services and checks.
func (c *ownCatalog) Node(ctx context.Context, token, name string) (*localstate.NodeState, error) {
	var found *struct {
		Node struct {
			ID, Node, Address     string
			TaggedAddresses, Meta map[string]string
		}
		Services map[string]*record.NodeService
	}
	if err := c.ask(ctx, http.MethodGet, "/v1/catalog/node/"+url.PathEscape(name), token, nil, &found); err != nil || found == nil {
		return nil, err
	}
	var checks []*record.HealthCheck
	if err := c.ask(ctx, http.MethodGet, "/v1/health/node/"+url.PathEscape(name), token, nil, &checks); err != nil {
		return nil, err
	}
	n := found.Node
	state := &localstate.NodeState{
		NodeInfo: localstate.NodeInfo{Node: n.Node, ID: n.ID, Address: n.Address, TaggedAddresses: n.TaggedAddresses, Meta: n.Meta},
		Services: found.Services, Checks: map[string]*record.HealthCheck{},
	}
	for _, x := range checks {
		state.Checks[x.CheckID] = x
	}
	return state, nil
}

// ask sends a request to the agent's own handler.
func (c *ownCatalog) ask(ctx context.Context, method, path, token string, body, answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode a request to the catalog: %w", err)
	}
	req, err := http.NewRequestWithContext(httpapi.Internal(ctx), method, path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	if token != "" {
		req.Header.Set("X-Consul-Token", token)
	}
	w := &answerBuffer{header: http.Header{}, status: http.StatusOK}
	c.handler.ServeHTTP(w, req)
	if w.status != http.StatusOK {
		return &answerError{w.status, w.body.String()}
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(w.body.Bytes(), answer)
}

// An answerBuffer keeps an answer.
type answerBuffer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *answerBuffer) Header() http.Header         { return w.header }
func (w *answerBuffer) WriteHeader(status int)      { w.status = status }
func (w *answerBuffer) Write(b []byte) (int, error) { return w.body.Write(b) }

// An answerError is an answer with another status than 200.
type answerError struct {
	status int
	text   string
}

func (e *answerError) Error() string   { return e.text }
func (e *answerError) HTTPStatus() int { return e.status }
