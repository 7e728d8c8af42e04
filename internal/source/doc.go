// Package source supervises ingest: one stream from upstream per source.
package source
