package feed

// Joined reports whether the cursor has begun its snapshot.
func (c *Cursor) Joined() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mode != waiting
}
