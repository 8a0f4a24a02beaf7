package remoteevent

// Waiting returns how many messages wait in the rounds of a sender.
func Waiting(s *Sender) (n int) {
	s.shared.mu.Lock()
	defer s.shared.mu.Unlock()
	for _, r := range s.shared.waiting {
		n += len(r.messages)
	}
	return n
}

// Flights returns how many rounds of a sender are under way.
func Flights(s *Sender) int {
	s.shared.mu.Lock()
	defer s.shared.mu.Unlock()
	return s.shared.flights
}

// Lanes returns how many lists have a lane of their own.
func Lanes(s *Sender) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.lanes)
}

// BePrompt lets the next call wait in its own goroutine.
func BePrompt(s *Sender) { s.link.prompt.Store(true) }
