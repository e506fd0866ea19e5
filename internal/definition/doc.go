// Package definition reads services and checks as operators define them: in the JSON bodies of PUT /v1/agent/service/register and
// /v1/agent/check/register, and in configuration files.
//
// Both forms become the same types, [Service] and [Check], and those become the records of the catalog. Fields may be spelled
// EnableTagOverride or enable_tag_override; durations are texts such as "10s" or whole nanoseconds. A field that is not known is
// refused, and so is whatever cannot be honoured: the kinds of checks that this agent does not run are refused by name when they
// are registered, never accepted and left at critical. The parts of a service that belong to the mesh (Kind, Proxy, Connect.Native)
// are carried into the catalog unchanged; a sidecar is refused over HTTP, and dropped with a warning from a file.
//
// What a registration did wrong is an [*Error]; it knows its HTTP status.
package definition
