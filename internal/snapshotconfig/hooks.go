package snapshotconfig

import (
	"fmt"
	"maps"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/lictor-dr/lictor/internal/alarm"
)

// Names of the object of hooks and of the blocks in it.
const (
	hooksBlock   = "hooks"
	webhookBlock = "webhook"
	commandBlock = "command"
	switchBlock  = "dead_mans_switch"
)

var hookBlocks = []string{webhookBlock, commandBlock, switchBlock}

// defaultEvents are those that a hook is told if its configuration does not say.
var defaultEvents = []string{string(alarm.Failure), string(alarm.Recovery)}

// hookKeys have no flags: any number of each kind can be configured, and URLs and headers hold secrets.
var hookKeys = []key{
	{path: "webhook.url"},
	{path: "webhook.url_file"},
	{path: "webhook.headers", kind: kindMap},
	{path: "webhook.secret_header"},
	{path: "webhook.secret_file"},
	{path: "webhook.on", kind: kindList},
	{path: "webhook.timeout", kind: kindDuration, def: 10 * time.Second},
	{path: "command.args", kind: kindList},
	{path: "command.on", kind: kindList},
	{path: "command.timeout", kind: kindDuration, def: 30 * time.Second},
	{path: "dead_mans_switch.url"},
	{path: "dead_mans_switch.url_file"},
	{path: "dead_mans_switch.method", def: http.MethodGet},
	{path: "dead_mans_switch.timeout", kind: kindDuration, def: 10 * time.Second},
}

// Hooks are who is told what becomes of backups.
type Hooks struct {
	Webhooks []Webhook
	Commands []Command
	Switches []DeadMansSwitch
}

// Webhook is a URL to which events are posted.
type Webhook struct {
	Name         string // for messages: its place in the configuration, and the host
	URL          Secret // or:
	URLFile      string
	Headers      map[string]Secret
	SecretHeader string // its value is in SecretFile
	SecretFile   string
	On           []alarm.Kind
	Timeout      time.Duration
}

// Command is a program that is run for events.
type Command struct {
	Name    string
	Args    []string
	On      []alarm.Kind
	Timeout time.Duration
}

// DeadMansSwitch is a URL that is requested after each proven backup.
type DeadMansSwitch struct {
	Name    string
	URL     Secret
	URLFile string
	Method  string // GET, HEAD or POST
	Timeout time.Duration
}

// hook is an element of one of the lists in hooks.
type hook struct {
	block string
	set   values
	name  string // for messages
}

// hooks decodes the object hooks.
func (d *decoder) hooks(at string, raw map[string]any) (list []hook) {
	d.lists(at, raw, hookBlocks, func(block string, set values, name string) { list = append(list, hook{block, set, name}) })
	return list
}

// setHooks reads all hooks. Their names number them by kind, over all files.
func (s *settings) setHooks(c *Config) {
	for _, h := range s.hooks {
		switch to := &c.Hooks; h.block {
		case webhookBlock:
			to.Webhooks = append(to.Webhooks, s.webhook(h, len(to.Webhooks)))
		case commandBlock:
			to.Commands = append(to.Commands, s.command(h, len(to.Commands)))
		default:
			to.Switches = append(to.Switches, s.deadMansSwitch(h, len(to.Switches)))
		}
	}
}

func (s *settings) webhook(h hook, n int) Webhook {
	w := Webhook{
		URL: h.set.secret("webhook.url"), URLFile: h.set.str("webhook.url_file"), SecretHeader: h.set.str("webhook.secret_header"),
		SecretFile: h.set.str("webhook.secret_file"), On: s.events(h), Timeout: s.hookTimeout(h),
	}
	w.Name = s.hookURL(h, w.URL, w.URLFile, n)
	headers, _ := h.set.get("webhook.headers").(map[string]string)
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		if w.Headers == nil {
			w.Headers = map[string]Secret{}
		}
		if !headerName(name) || strings.ContainsAny(headers[name], "\r\n\x00") {
			s.fault("%s: headers: %q is no header, or its value is not one line", h.name, name)
		}
		w.Headers[name] = Secret(headers[name])
	}
	switch {
	case (w.SecretHeader == "") != (w.SecretFile == ""):
		s.fault("%s: secret_header and secret_file go together: the header's name, and the file with its value", h.name)
	case w.SecretHeader != "" && !headerName(w.SecretHeader):
		s.fault("%s: secret_header %q is not the name of a header", h.name, w.SecretHeader)
	}
	return w
}

func (s *settings) command(h hook, n int) Command {
	args, _ := h.set.get("command.args").([]string)
	c := Command{Name: fmt.Sprintf("command[%d]", n), Args: slices.Clone(args), On: s.events(h), Timeout: s.hookTimeout(h)}
	if len(args) == 0 {
		s.fault(`%s: args is required: the program and its arguments, as in ["/usr/local/bin/notify", "--consul"]`, h.name)
		return c
	}
	path, err := exec.LookPath(args[0])
	if err != nil {
		s.fault("%s: args: %v", h.name, err)
		return c
	}
	c.Args[0] = path
	return c
}

func (s *settings) deadMansSwitch(h hook, n int) DeadMansSwitch {
	d := DeadMansSwitch{
		URL: h.set.secret("dead_mans_switch.url"), URLFile: h.set.str("dead_mans_switch.url_file"),
		Method: strings.ToUpper(h.set.str("dead_mans_switch.method")), Timeout: s.hookTimeout(h),
	}
	d.Name = s.hookURL(h, d.URL, d.URLFile, n)
	if !slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodPost}, d.Method) {
		s.fault("%s: method must be GET, HEAD or POST", h.name)
	}
	return d
}

// hookURL checks where a URL comes from, and returns the hook's name.
func (s *settings) hookURL(h hook, address Secret, file string, n int) string {
	name := fmt.Sprintf("%s[%d]", h.block, n)
	switch {
	case (address == "") == (file == ""):
		s.fault("%s: one of url and url_file is required", h.name)
	case file == "":
		if err := alarm.CheckURL(string(address)); err != nil {
			s.fault("%s: url: %v", h.name, err)
			return name
		}
		return name + " " + alarm.Host(string(address))
	}
	return name
}

// events are those that a hook is told.
func (s *settings) events(h hook) (on []alarm.Kind) {
	texts, _ := h.set.get(h.block + ".on").([]string)
	if len(texts) == 0 {
		texts = defaultEvents
	}
	for _, text := range texts {
		k := alarm.Kind(strings.ToLower(text))
		if k != alarm.Success && k != alarm.Failure && k != alarm.Recovery {
			s.fault("%s: on: there is no event %q: write success, failure or recovery", h.name, text)
		}
		on = append(on, k)
	}
	return on
}

// maxHookTimeout keeps a hook from taking events for longer than they are news.
const maxHookTimeout = 10 * time.Minute

func (s *settings) hookTimeout(h hook) time.Duration {
	d := h.set.duration(h.block + ".timeout")
	if d <= 0 || d > maxHookTimeout {
		s.fault("%s: timeout must be above 0 and at most %s, not %s", h.name, maxHookTimeout, d)
	}
	return d
}

// headerName tells whether a text can be the name of a header.
func headerName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r)
	})
}

// Hooks returns the hooks for an alarm.
func (h *Hooks) Hooks() (all []alarm.Hook) {
	for _, w := range h.Webhooks {
		headers := map[string]string{}
		for name, value := range w.Headers {
			headers[name] = string(value)
		}
		all = append(all, alarm.Hook{Name: w.Name, On: w.On, Timeout: w.Timeout, Action: &alarm.Webhook{
			URL: string(w.URL), URLFile: w.URLFile, Headers: headers, SecretHeader: w.SecretHeader, SecretFile: w.SecretFile,
		}})
	}
	for _, c := range h.Commands {
		all = append(all, alarm.Hook{Name: c.Name, On: c.On, Timeout: c.Timeout, Action: &alarm.Command{Args: c.Args}})
	}
	for _, d := range h.Switches {
		all = append(all, alarm.Hook{Name: d.Name, On: []alarm.Kind{alarm.Proven}, Timeout: d.Timeout, Action: &alarm.Webhook{
			URL: string(d.URL), URLFile: d.URLFile, Method: d.Method,
		}})
	}
	return all
}
