// Package registration makes the snapshot agent visible in Consul: a service, registered with the local Consul agent, and its checks.
//
// Every process registers a service of its own, ID "<service>:<random UUID>", so that several agents share a host. Each has a check
// "Consul Snapshot Agent Alive", TTL 30s, refreshed three times as often. An instance that leads has a second one, "Consul Snapshot Agent
// Saving Snapshots", which passes for as long as the last snapshot is fresh: it is fed by snapshots alone, and turns critical by itself
// when they stop, whether this process lives or not. It is removed when leadership moves, so that no instance stays critical for
// what another does. A new leader passes from the beginning: it has the same time for its first snapshot.
//
// # What holds
//
//  1. [Registration.Run] keeps Consul's agent as it should be: it compares every ten seconds, and registers again what is missing, be it
//     that the agent was restarted without its data, that the service was deregistered by hand or after being critical for too long,
//     or that a check was. A restore of the cluster does not touch the agent's registry; the agent itself writes the
//     catalog anew, within a minute.
//     What makes backups unreliable although none has failed, such as an objective that is missed, makes the saving check critical
//     for as long, and it is there then on an instance that does not know whether another one leads.
//  2. The outcome of the last snapshot survives a new registration, and its age does too: a check that is registered again is critical
//     if no snapshot was saved in time.
//  3. Consul away is no reason to end: it is told once, and tried again. What happened meanwhile is told when it is back.
//  4. When Run ends, the service is deregistered, within five seconds or not at all; then DeregisterCriticalServiceAfter does it. That
//     limit stands at the check of life only: an instance that lives must not vanish because it fails to save.
//  5. Texts shown in Consul hold no secrets that are part of a URL, and at most a kilobyte.
//
// The rule needed is service "<service>" { policy = "write" }.
package registration
