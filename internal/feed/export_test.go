package feed

// Joined reports whether the cursor has begun its snapshot.
func (c *Cursor) Joined() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mode != waiting
}

// Plans returns how many encoders the cursor's view holds.
func (c *Cursor) Plans() int {
	c.view.mu.Lock()
	defer c.view.mu.Unlock()
	return len(c.view.plans)
}

// SharedBytes returns how many bytes of encoded sets are kept.
func (f *Feed) SharedBytes() int64 { return f.sharedBytes.Load() }
