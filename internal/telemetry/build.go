package telemetry

import (
	"cmp"
	"runtime"
	"runtime/debug"
)

// Build says which program this is.
type Build struct {
	Version  string `json:"version"`
	Revision string `json:"revision"` // of the source tree, "" when unknown
	Time     string `json:"time"`     // of that revision
	Modified bool   `json:"modified"` // the tree had changes on top
	Go       string `json:"go"`
}

// ReadBuild returns what the linker and the Go tool left in the program.
// version, set by -ldflags, beats the module's.
func ReadBuild(version string) Build {
	b := Build{Go: runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok {
		b.Version = info.Main.Version
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.Revision = s.Value
			case "vcs.time":
				b.Time = s.Value
			case "vcs.modified":
				b.Modified = s.Value == "true"
			}
		}
	}
	if b.Version == "(devel)" {
		b.Version = ""
	}
	b.Version = cmp.Or(version, b.Version, "development")
	return b
}

// String is the build in one line for people.
func (b Build) String() string {
	s := "tycostream " + b.Version
	if b.Revision != "" {
		s += " (" + b.Revision[:min(12, len(b.Revision))]
		if b.Modified {
			s += ", modified"
		}
		s += ")"
	}
	return s + " " + b.Go
}
