package remoteevent

import (
	"maps"
	"sync"
	"sync/atomic"
)

// nameSet is a set of names of limited size. Its zero value is empty. It is safe for
// concurrent use, and add takes no lock for a name that is not new.
type nameSet struct {
	mu    sync.Mutex
	names atomic.Pointer[map[string]bool] // never changed
}

const maxNames = 1000

// add adds a name and reports whether it is new and there was room for it.
func (s *nameSet) add(name string) bool {
	if !s.lacks(name) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.lacks(name) {
		return false
	}
	names := map[string]bool{}
	if current := s.names.Load(); current != nil {
		names = maps.Clone(*current)
	}
	names[name] = true
	s.names.Store(&names)
	return true
}

func (s *nameSet) lacks(name string) bool {
	names := s.names.Load()
	return names == nil || !(*names)[name] && len(*names) < maxNames
}
