package remoteevent

// Waiting returns the number of messages that wait in the rounds of a sender.
func Waiting(s *Sender) (n int) {
	s.shared.mu.Lock()
	defer s.shared.mu.Unlock()
	for _, r := range s.shared.waiting {
		n += len(r.messages)
	}
	return n
}

// Commands returns the number of commands of a sender that are in progress.
func Commands(s *Sender) int {
	s.shared.mu.Lock()
	defer s.shared.mu.Unlock()
	return s.shared.commands
}

// Lanes returns the number of lists with a lane of their own.
func Lanes(s *Sender) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.lanes)
}

// BePrompt lets the next call wait in its own goroutine.
func BePrompt(s *Sender) { s.link.prompt.Store(true) }
