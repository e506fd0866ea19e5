// Package querytemplate compiles and renders the templates of prepared queries: the interpolated strings in a query's Service, and the
// regular expression that their match() looks into. A template that does not compile kills a Consul server that restores it, so
// the checks before a restore use the same compiler as the execution of queries.
//
// The interpolation language is HIL, as Consul's documentation describes it: ${name.full}, ${name.prefix}, ${name.suffix},
// ${match(N)} and ${agent.segment}. What a template is compiled for and what is rendered are the same strings.
package querytemplate
