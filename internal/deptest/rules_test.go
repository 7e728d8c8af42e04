package deptest

// allowed says which packages of this module each package may import in its
// product code. A trailing /... stands for a package and all below it, on
// either side. A package may always import what lies below itself.
var allowed = map[string][]string{
	".": nil,

	// The rows themselves.
	"internal/relation":  nil,
	"internal/copytext":  {"internal/relation"},
	"internal/filter":    {"internal/relation"},
	"internal/table":     {"internal/relation"},
	"internal/predindex": {"internal/filter", "internal/relation"},
	"internal/histogram": nil,
	"internal/feed":      {"internal/table", "internal/filter", "internal/predindex", "internal/histogram", "internal/relation"},

	// Ingest.
	"internal/source":               {"internal/feed", "internal/table", "internal/relation"},
	"internal/backend":              nil,
	"internal/backend/backendtest":  {"internal/source", "internal/relation"},
	"internal/backend/materialize":  {"internal/source", "internal/copytext", "internal/relation"},
	"internal/backend/postgres/...": {"internal/source", "internal/copytext", "internal/relation", "internal/backend/postgres/..."},

	// Triggers, and their deliveries.
	"internal/trigger": {
		"internal/codec", "internal/feed", "internal/predindex", "internal/relation", "internal/webhook", "internal/webhook/guard",
	},
	"internal/trigger/machine":             nil,
	"internal/trigger/machine/machinetest": {"internal/trigger/machine"},
	"internal/trigger/spec": {
		"internal/codec", "internal/filter", "internal/relation", "internal/trigger/machine", "internal/webhook", "internal/webhook/sign",
	},
	"internal/webhook":       {"internal/webhook/sign"},
	"internal/webhook/store": {"internal/webhook"},
	"internal/webhook/sign":  nil,
	"internal/webhook/guard": nil,

	// What clients see.
	"internal/naming":            nil,
	"internal/codec":             {"internal/feed", "internal/relation"},
	"graph":                      {"internal/codec", "internal/feed", "internal/filter", "internal/naming", "internal/relation"},
	"graph/model":                nil,
	"graph/triggers":             {"graph/model", "internal/auth", "internal/trigger", "internal/trigger/spec", "internal/webhook"},
	"graph/order":                {"internal/relation"},
	"graph/sdl":                  {"internal/naming", "internal/relation"},
	"internal/auth":              nil,
	"internal/transport":         {"graph", "internal/auth", "internal/codec", "internal/feed", "internal/filter", "internal/histogram", "internal/relation"},
	"internal/transport/...":     {"internal/transport/wsframe", "internal/histogram"},
	"internal/transport/socket":  {"internal/transport/delivery", "internal/transport/wsframe"},
	"internal/transport/channel": {"internal/feed", "internal/transport/delivery", "internal/transport/jsontext"},
	"internal/server":            nil,
	"web":                        nil,

	// What the operator sees.
	"internal/config":         {"internal/config/expand", "internal/config/mistake", "internal/webhook/guard", "internal/webhook/sign"},
	"internal/config/expand":  nil,
	"internal/config/mistake": nil,
	"internal/config/schemafile": {
		"internal/codec", "internal/config/expand", "internal/config/mistake", "internal/naming", "internal/relation", "internal/source", "internal/trigger/spec",
	},
	"internal/catalog": {
		"internal/backend/...", "internal/config/...", "internal/naming", "internal/relation", "internal/source",
	},
	"internal/telemetry": {"internal/histogram"},

	// The stand-in, and what only tests and examples need.
	"internal/mzsim/...": {"internal/mzsim/...", "internal/relation"},
	"internal/testpg":    nil,
	"internal/deptest":   nil,

	// Wiring.
	"internal/app": {
		"graph", "graph/triggers", "internal/auth", "internal/backend/...", "internal/catalog", "internal/codec", "internal/config/...", "internal/feed",
		"internal/filter", "internal/histogram", "internal/mzsim/...", "internal/naming", "internal/relation", "internal/server",
		"internal/source", "internal/telemetry", "internal/transport/...", "internal/trigger/...", "internal/webhook/...", "web",
	},
	"cmd/tycostream": {
		".", "graph", "internal/app", "internal/catalog", "internal/config/...", "internal/feed", "internal/relation",
		"internal/source", "internal/telemetry", "internal/webhook", "internal/webhook/store", "web",
	},

	"examples/postgres/...": {"examples/postgres/...", "internal/testpg"},
	"examples/webhook":      nil,
	"test/...":              {".", "graph", "internal/...", "test/..."},
}

// guarded packages are imported by the named ones only, in tests too. Any
// test may import what is marked so with _test.
var guarded = map[string][]string{
	"internal/mzsim/...":                   {"internal/mzsim/...", "internal/app", "test/...", "_test"},
	"internal/testpg":                      {"internal/testpg", "examples/postgres/...", "test/...", "_test"},
	"internal/backend/backendtest":         {"internal/backend/backendtest", "_test"},
	"internal/trigger/machine/machinetest": {"internal/trigger/machine/machinetest", "_test"},
	"internal/app":                         {"internal/app", "cmd/tycostream", "test/..."},
}

// libraries says who may use each library in product code: a library that
// spreads is a library that cannot be replaced.
var libraries = map[string][]string{
	"github.com/99designs/gqlgen":  {"graph/...", "internal/transport", "internal/app", "test/...", "."},
	"github.com/gorilla/websocket": {"internal/transport"},
	"github.com/jackc/pglogrepl":   {"internal/backend/postgres"},
	"github.com/jackc/pgx/v5": {
		"internal/backend/...", "internal/catalog", "internal/mzsim/...", "internal/testpg", "examples/postgres/...", "test/...",
	},
	"github.com/knadh/koanf":              {"internal/config"},
	"github.com/nats-io/nats-server/v2":   {"internal/webhook/store"},
	"github.com/nats-io/nats.go":          {"internal/webhook/store"},
	"github.com/nats-io/nuid":             {"internal/webhook/store"},
	"github.com/prometheus/client_golang": {"internal/telemetry", "internal/app"},
	"github.com/spf13/cobra":              {"cmd/tycostream"},
	"github.com/spf13/pflag":              {"cmd/tycostream", "internal/config"},
	"github.com/vektah/gqlparser/v2":      {"graph/...", "internal/transport", "internal/app", "test/..."},
	"go.yaml.in/yaml/v3":                  {"internal/config/...", "internal/catalog"},
	"golang.org/x/term":                   {"internal/telemetry"},
}

// quiet packages compute and nothing else: they start no goroutine, wait for
// nothing, log nothing and talk to nobody.
var quiet = []string{
	"internal/relation", "internal/copytext", "internal/filter", "internal/table", "internal/naming", "internal/backend/postgres/pgoutput",
	"internal/transport/accept", "internal/transport/jsontext", "internal/transport/wsframe", "graph/order", "graph/sdl", "internal/predindex",
	"internal/trigger/machine",
}

// noisy is what quiet packages do without.
var noisy = []string{"context", "log", "log/slog", "net", "net/http", "os", "os/exec", "sync", "testing"}
