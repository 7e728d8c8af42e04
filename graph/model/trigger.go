package model

// Trigger is a trigger as the API shows it. It has no secrets. What changes
// with rows and deliveries has resolvers of its own.
type Trigger struct {
	ID        string // in the store; not in the API
	Source    string
	Name      string
	Webhook   string
	Fire      string
	Clear     *string
	Origin    TriggerOrigin
	State     TriggerState
	Problem   *string
	Paused    bool
	Snapshot  bool
	For       *string
	Cooldown  *string
	Fields    []string
	Headers   []string // names only
	Secrets   int
	Timeout   *string
	Delays    []string
	CreatedAt string
	Fired     int
	Cleared   int
}
