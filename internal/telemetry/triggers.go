package telemetry

// triggerFamilies say what triggers find, and what becomes of it. They have no
// label for the single trigger: clients make as many as they like.
func triggerFamilies() []*family {
	return []*family{
		gauge("triggers_active", "Triggers that follow their source now.",
			func(s *Stats, put number) {
				for _, a := range s.Triggers.Active {
					put(float64(a.Count), a.Source)
				}
			}, "source"),
		counter("trigger_transitions_total", "Events that triggers found and that are to be delivered: FIRE, CLEAR, TEST.",
			func(s *Stats, put number) {
				for _, t := range s.Triggers.Transitions {
					put(float64(t.Count), t.Source, t.Event)
				}
			}, "source", "event"),
		counter("webhook_attempts_total", "Attempts to deliver, by the HTTP status of the answer; none is no answer.",
			func(s *Stats, put number) { words(s.Triggers.Attempts, put) }, "status"),
		seconds("webhook_seconds", "Time from the start of an attempt to deliver until the end of the answer.",
			func(s *Stats, put counts) { put(s.Triggers.Seconds) }),
		seconds("webhook_latency_seconds", "Time from an event in the database until its delivery was taken.",
			func(s *Stats, put counts) { put(s.Triggers.Latency) }),
		gauge("webhook_queue_depth", "Deliveries that wait or are on their way.",
			func(s *Stats, put number) { counted(s, float64(s.Triggers.Queue), put) }),
		gauge("webhook_dead_letters", "Deliveries that were given up and are kept.",
			func(s *Stats, put number) { counted(s, float64(s.Triggers.Dead), put) }),
		gauge("trigger_store_up", "1 while what triggers find can be written to the data directory.",
			func(s *Stats, put number) { counted(s, oneIf(s.Triggers.StoreUp), put) }),
	}
}

// counted leaves out what is not known, as where triggers are off.
func counted(s *Stats, n float64, put number) {
	if s.Triggers.Counted {
		put(n)
	}
}
