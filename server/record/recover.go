package record

import (
	"errors"
	"io/fs"
)

// recover makes a take of an earlier run whole.
func (c closer) recover(rec Record) {
	root, err := c.store.open()
	if err != nil {
		c.log.Error("record can't be recovered", "file", rec.File, "error", err)
		return
	}
	if missing(root, rec.File+partSuffix) {
		// It had its name already, and the ledger did not know; or somebody has
		// taken it away.
		if missing(root, rec.File) {
			c.ledger.forget(rec.ID)
			return
		}
		if err := root.Rename(rec.File, rec.File+partSuffix); err != nil {
			c.log.Error("record can't be recovered", "file", rec.File, "error", err)
			return
		}
	}
	found, err := forms[rec.Format].recover(c.store, rec.File)
	switch {
	case errors.Is(err, errNothing), errors.Is(err, fs.ErrNotExist):
		c.lose(rec, errors.Join(errNothing, err))
	case err != nil:
		// It stays in the ledger: the next start tries again.
		c.log.Error("record can't be recovered", "file", rec.File, "error", err)
	default:
		c.keep(rec, found, errRecovered, false)
	}
}
