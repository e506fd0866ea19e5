package state

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lictor-dr/lictor/internal/querytemplate"
	"github.com/lictor-dr/lictor/internal/record"
)

// Queries returns all prepared queries, by ID.
func (s *Store) Queries(w *Watch) (uint64, []*record.PreparedQuery) {
	txn := s.read(w, tableQueries)
	return highest(txn, tableQueries), all[*record.PreparedQuery](txn, tableQueries, indexID)
}

// Query returns one prepared query, nil if there is none of that ID.
func (s *Store) Query(w *Watch, id string) (uint64, *record.PreparedQuery) {
	txn := s.read(w, tableQueries)
	return highest(txn, tableQueries), first[*record.PreparedQuery](txn, tableQueries, indexID, strings.ToLower(id))
}

// SetQuery applies, as the log entry at index, the creation or change of a prepared query. The store keeps q.
func (s *Store) SetQuery(index, term uint64, q *record.PreparedQuery) error {
	return s.apply(index, term, func(c *change) error {
		if q.ID == "" {
			return errors.New("missing query ID")
		}
		q.CreateIndex, q.ModifyIndex = index, index
		if old := first[*record.PreparedQuery](c.db, tableQueries, indexID, q.ID); old != nil {
			q.CreateIndex = old.CreateIndex
		}
		if err := c.checkQuery(q); err != nil {
			return err
		}
		c.insert(tableQueries, q)
		c.raise(tableQueries)
		return nil
	})
}

// checkQuery refuses a query whose name is taken, whose session does not exist, or whose template does not compile.
func (c *change) checkQuery(q *record.PreparedQuery) error {
	if q.Template.Type != "" {
		if _, err := querytemplate.Compile(q); err != nil {
			return err
		}
	}
	rows := all[*record.PreparedQuery](c.db, tableQueries, indexName, fold(q.Name))
	if q.Name == "" { // only the template for all names has none
		rows = all[*record.PreparedQuery](c.db, tableQueries, indexID)
	}
	for _, other := range rows {
		if other.ID == q.ID || fold(other.Name) != fold(q.Name) {
			continue
		}
		switch {
		case q.Template.Type != "" && other.Template.Type != "":
			return fmt.Errorf("name '%s' aliases an existing query template name", q.Name)
		case q.Template.Type == "" && other.Template.Type == "" && q.Name != "":
			return fmt.Errorf("name '%s' aliases an existing query name", q.Name)
		}
	}
	if other := first[*record.PreparedQuery](c.db, tableQueries, indexID, fold(q.Name)); other != nil && q.Name != "" {
		return fmt.Errorf("name '%s' aliases an existing query ID", q.Name)
	}
	if q.Session != "" && first[*record.Session](c.db, tableSessions, indexID, q.Session) == nil {
		return fmt.Errorf("invalid session %q", q.Session)
	}
	return nil
}

// DeleteQuery applies, as the log entry at index, the removal of a prepared query, if there is one of that ID.
func (s *Store) DeleteQuery(index, term uint64, id string) error {
	return s.apply(index, term, func(c *change) error {
		if q := first[*record.PreparedQuery](c.db, tableQueries, indexID, id); q != nil {
			c.delete(tableQueries, q)
			c.raise(tableQueries)
		}
		return nil
	})
}
