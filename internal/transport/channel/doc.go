// Package channel is the protocol of row channels: what front ends of gateways
// over LISTEN and NOTIFY speak, over a feed.
//
//	client   {"type":"subscribe","channel":"live_pnl"}        also "snapshot":true and "where":{...}
//	gateway  {"type":"subscribed","channel":"live_pnl"}
//	gateway  {"op":"UPDATE","table":"live_pnl","new":{...},"old":{...}}
//	client   {"type":"unsubscribe","channel":"live_pnl"}
//	gateway  {"type":"unsubscribed","channel":"live_pnl"}
//
// [Parse] reads the client's messages, [Message] and [Problem] write the
// gateway's. Between an encoder of rows and the messages about them stand two
// layers:
//
//	codec.Images ─▶ [Encoder]: rows, and marks where a snapshot or a reset begins or ends
//	                    │  bytes that all subscribers of a channel share, whatever they called it
//	feed's cursor ──────┴─▶ [Subscription]: puts the marks into words for one subscriber
//
// A subscription's messages in their order:
//
//	subscribed ─▶ [INSERT … snapshot] ─▶ changes ─▶ [reset INSERT … snapshot ─▶ changes] ─▶ [error] unsubscribed
//
// with what is in brackets for subscribers that asked for a snapshot, and the
// error if nobody asked for the end.
//
// # Concurrency
//
// A Subscription is pulled by one goroutine at a time; its other methods may be
// called from any. Nothing here blocks. A slow subscriber costs what its cursor
// costs.
package channel
