// Package retention decides which backups stay. It knows nothing of stores: a backup is an ID, a time and whether it is proven.
//
// # Rules
//
// [Rules] are a count ("retain"), or rules by the calendar, with restic's meaning: each keeps the newest backup of each of the last N
// periods that have one; "within" keeps what is younger than a duration, counted back from the newest backup. A backup stays if any rule
// keeps it. Periods are those of UTC; weeks are ISO's. Without any rule everything stays.
//
// # Promises
//
// [Decide] is a pure function. The newest proven backup always stays, in addition to what the rules keep.
//
// A clock that was wrong costs no backup that the rules would have kept. IDs tell the order in which backups were made, times what the
// clock said. A backup whose time is in the future takes no place in any rule. Neither does, in the rules by the calendar, one whose time
// contradicts its ID: the longest run of backups whose times do not go back is believed, the rest is not. What is not believed stays, in
// addition, until every rule has all the backups that it asks for, and all of them are newer. So a clock that is behind, for which all
// backups are in the future, removes nothing.
//
// [Collapsed] tells whether a state has lost more than it may.
//
// # Refusals
//
// Negative numbers and both kinds of rules at once are refused by [Rules.Check].
package retention
