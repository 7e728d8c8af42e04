package catalog

import (
	"strconv"
	"time"

	"github.com/tycostream/tycostream/internal/mzsim/eval"
	"github.com/tycostream/tycostream/internal/mzsim/pgval"
)

// function returns the functions that know the session.
func (v *View) function(name string) *eval.Function {
	text := func(v func() string) *eval.Function {
		return &eval.Function{Type: pgval.Must("text"), Call: func([]eval.Cell) (eval.Cell, error) { return eval.Of(v()), nil }}
	}
	switch name {
	case "mz_version":
		return text(func() string { return v.Server.Version })
	case "version":
		return text(func() string { return "PostgreSQL 9.5 on stand-in (Materialize " + v.Server.Version + ")" })
	case "current_database", "current_catalog":
		return text(func() string { return v.Settings.Get("database") })
	case "current_schema":
		return text(func() string { return v.searchPath()[0] })
	case "current_user", "session_user", "user", "current_role":
		return text(func() string { return v.User })
	case "pg_get_userbyid":
		return text(func() string { return "materialize" })
	case "mz_environment_id":
		return text(func() string { return v.Server.Environment })
	case "pg_backend_pid":
		f := text(func() string { return strconv.FormatUint(uint64(v.PID), 10) })
		f.Type = pgval.Must("integer")
		return f
	case "now", "current_timestamp":
		f := text(func() string { return pgval.FormatTime(time.Now()) })
		f.Type = pgval.Must("timestamptz")
		return f
	case "mz_now":
		f := text(func() string { return strconv.FormatUint(v.Store.Upper()-1, 10) })
		f.Type = pgval.Must("mz_timestamp")
		return f
	case "pg_cancel_backend":
		return &eval.Function{Type: pgval.Must("boolean"), Call: v.cancelBackend}
	case "has_table_privilege", "has_schema_privilege", "has_cluster_privilege", "has_database_privilege", "pg_table_is_visible":
		return &eval.Function{Type: pgval.Must("boolean"), Call: v.hasPrivilege}
	}
	return nil
}

func (v *View) cancelBackend(args []eval.Cell) (eval.Cell, error) {
	if len(args) != 1 {
		return eval.Cell{}, eval.Errorf("function pg_cancel_backend does not exist")
	}
	pid, err := strconv.ParseUint(args[0].Text, 10, 32)
	if err != nil {
		return eval.Bool(false), nil //nolint:nilerr // no such backend
	}
	return eval.Bool(v.Server.Cancel(uint32(pid))), nil
}

// hasPrivilege looks for a refused collection among the arguments.
func (v *View) hasPrivilege(args []eval.Cell) (eval.Cell, error) {
	for _, i := range v.Store.List() {
		for _, a := range args {
			if i.Denied && (a.Text == i.Name.Name || a.Text == i.Name.String() || a.Text == i.Name.Schema+"."+i.Name.Name) {
				return eval.Bool(false), nil
			}
		}
	}
	return eval.Bool(true), nil
}
