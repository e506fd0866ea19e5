// Package alarm tells people and programs outside of what happens: by webhooks, by commands, and by a dead man's switch, which is told of
// what is good and raises the alarm itself when it hears nothing any more.
//
// # What holds
//
//  1. [Alarm.Tell] returns at once. Each hook has a queue of its own and a goroutine that works it off: one that hangs or fails holds up
//     neither the teller nor another hook. A queue that is full loses its oldest event, which is counted.
//  2. A try is bounded by the hook's timeout. A command that takes longer is killed, and with it all that it started in its process group;
//     what it leaves behind is killed when it ends by itself, too.
//  3. What fails is tried again, [Tries] times in all, with growing pauses; but not what a server refuses (4xx other than 408 and 429).
//     A hook that answers late may so be called twice for one event.
//  4. URLs, headers and the contents of files with secrets are never logged and stand in no error: of a URL there is the host at most.
//     Redirects are not followed, so that a header with a secret goes nowhere else.
//
// # The body
//
// A webhook is sent the JSON of an [Event] in a POST, Content-Type application/json; an answer of 2xx is a success. A command gets the same
// JSON on its standard input, with a line feed after it, and in its environment, beside the agent's own:
//
//	LICTOR_EVENT            success, failure or recovery
//	LICTOR_TEXT             one line for people
//	LICTOR_CLUSTER          LICTOR_DATACENTER, LICTOR_NODE
//	LICTOR_LEADING          true if this agent holds the lock
//	LICTOR_TIME             of the event, RFC 3339, UTC
//	LICTOR_DESTINATIONS     names, one a line; LICTOR_BEHIND those that lack the backup
//	LICTOR_ID               of the backup; LICTOR_INDEX, LICTOR_PROOF
//	LICTOR_STAGE            that failed, or retention if nothing is deleted any more; LICTOR_REASON why
//	LICTOR_FAILURES         runs that failed in a row
//	LICTOR_LAST_GOOD        when a backup was last proven; LICTOR_NEXT when the next run is due
//	LICTOR_RPO              met, missed or none; LICTOR_RPO_SECONDS the objective, LICTOR_RPO_AGE_SECONDS the oldest destination's age
//
// A variable whose value is not known is set to nothing. The package knows nothing of agents and backups beyond the fields of an event.
package alarm
