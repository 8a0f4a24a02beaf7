// Package top is a live view of queues on a terminal.
package top

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/remote-events/remote-events/go/queueadmin"
)

// Backend provides the data and the actions of the view. Its methods run in other
// goroutines, one at a time.
type Backend interface {
	// Observe returns the state of all queues.
	Observe(ctx context.Context) (queueadmin.Snapshot, error)
	// Peek returns the next messages of a queue.
	Peek(ctx context.Context, queue string, limit int) ([]queueadmin.Message, error)
	// DeadLetters returns the latest dead letters of a queue.
	DeadLetters(ctx context.Context, queue string, limit int) ([]queueadmin.DeadLetterSummary, error)
	// Requeue sends a dead letter again, and reports whether it existed.
	Requeue(ctx context.Context, queue, id string) (bool, error)
}

// Config configures the view.
type Config struct {
	Backend Backend
	// Redis names the server, without a password.
	Redis string
	// Interval is the time between observations, and Timeout the maximum time of a call.
	Interval, Timeout time.Duration
	Input             io.Reader
	Output            io.Writer
	// Colour permits colours, and ASCII forbids all other characters.
	Colour, ASCII bool
}

// Run shows the view until the user quits or the context ends.
func Run(ctx context.Context, config Config) error {
	m := &model{Config: config, ctx: ctx, turn: make(chan struct{}, 1), width: 80, height: 24}
	program := tea.NewProgram(m, tea.WithContext(ctx), tea.WithInput(config.Input), tea.WithOutput(config.Output), tea.WithAltScreen(), tea.WithoutSignalHandler())
	_, err := program.Run()
	if errors.Is(err, tea.ErrInterrupted) || ctx.Err() != nil {
		return nil //nolint:nilerr // the user or a signal ended the view
	}
	return err
}

// screen is the part of the view that is shown.
type screen int

const (
	screenQueues screen = iota
	screenQueue
	screenPeek
	screenDead
	screenLetter
	screenConfirm
	screenHelp
)

// model is the state of the view.
type model struct {
	Config

	ctx           context.Context //nolint:containedctx // bubbletea calls functions without one
	turn          chan struct{}
	width, height int

	screen, before screen // before the help
	snapshot       queueadmin.Snapshot
	observed       time.Time // the last success
	err            error     // of the last observation
	paused         bool

	sort      int
	filter    string
	filtering bool
	selected  string // the name of the selected queue
	has       bool   // a queue is selected

	loading  bool
	failure  error // of the last call that the user requested
	notice   string
	messages []queueadmin.Message
	letters  []queueadmin.DeadLetterSummary
	row      int    // the selected message or dead letter
	asked    string // the id of the dead letter in the question, even if the selection changes
}

// The messages of the program.
type (
	tickMsg     struct{}
	snapshotMsg struct {
		snapshot queueadmin.Snapshot
		err      error
	}
	peekMsg struct {
		queue    string
		messages []queueadmin.Message
		err      error
	}
	deadMsg struct {
		queue   string
		letters []queueadmin.DeadLetterSummary
		err     error
	}
	requeuedMsg struct {
		id    string
		found bool
		err   error
	}
)

// Init implements tea.Model.
func (m *model) Init() tea.Cmd { return m.observe() }

// call runs a function of the backend in another goroutine.
func (m *model) call(do func(ctx context.Context) tea.Msg) tea.Cmd {
	return func() tea.Msg {
		m.turn <- struct{}{}
		defer func() { <-m.turn }()
		ctx, cancel := context.WithTimeout(m.ctx, m.Timeout)
		defer cancel()
		return do(ctx)
	}
}

func (m *model) observe() tea.Cmd {
	return m.call(func(ctx context.Context) tea.Msg {
		snapshot, err := m.Backend.Observe(ctx)
		return snapshotMsg{snapshot, err}
	})
}

// shown is the number of messages and of dead letters that the view reads.
const shown = 50

// load reads the messages and the dead letters of the selected queue that the screen shows.
func (m *model) load() tea.Cmd {
	queue := m.selected
	m.loading = true
	if m.screen == screenPeek {
		return m.call(func(ctx context.Context) tea.Msg {
			messages, err := m.Backend.Peek(ctx, queue, shown)
			return peekMsg{queue, messages, err}
		})
	}
	return m.call(func(ctx context.Context) tea.Msg {
		letters, err := m.Backend.DeadLetters(ctx, queue, shown)
		return deadMsg{queue, letters, err}
	})
}

// Update implements tea.Model.
func (m *model) Update(message tea.Msg) (tea.Model, tea.Cmd) {
	switch message := message.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = message.Width, message.Height
	case tea.KeyMsg:
		return m, m.keys(message)
	case tickMsg:
		if m.paused {
			return m, m.tick()
		}
		return m, m.observe()
	case snapshotMsg:
		m.accept(message)
		return m, m.tick()
	case peekMsg:
		if message.queue == m.selected {
			m.loading, m.failure, m.messages = false, message.err, message.messages
		}
	case deadMsg:
		if message.queue == m.selected {
			m.loading, m.failure, m.letters = false, message.err, message.letters
			m.row = max(0, min(m.row, len(m.letters)-1))
		}
	case requeuedMsg:
		m.failure = message.err
		switch {
		case message.err != nil:
		case message.found:
			m.notice = "requeued " + message.id
		default:
			m.notice = "the dead letter is gone: another operator requeued or dropped it"
		}
		m.screen = screenDead
		return m, m.load()
	}
	return m, nil
}

func (m *model) tick() tea.Cmd {
	return tea.Tick(m.Interval, func(time.Time) tea.Msg { return tickMsg{} })
}

// accept takes an observation, unless the view was paused meanwhile. It keeps the last
// state while Redis is away.
func (m *model) accept(s snapshotMsg) {
	if m.paused && !m.observed.IsZero() {
		return
	}
	m.err = s.err
	if m.err == nil {
		m.err = lost(s.snapshot)
	}
	if m.err != nil {
		return
	}
	m.snapshot, m.observed = s.snapshot, time.Now()
	m.keepSelection()
}

// lost returns the error of an observation in which no server and no queue answered.
func lost(s queueadmin.Snapshot) (err error) {
	for _, server := range s.Servers {
		if server.Err == nil {
			return nil
		}
		err = server.Err
	}
	for _, q := range s.Queues {
		if q.Err == nil {
			return nil
		}
	}
	return err
}

// queues returns the queues in the order of the view.
func (m *model) queues() []queueadmin.QueueInfo {
	queues := slices.DeleteFunc(slices.Clone(m.snapshot.Queues), func(q queueadmin.QueueInfo) bool { return !strings.Contains(q.Queue, m.filter) })
	slices.SortStableFunc(queues, func(a, b queueadmin.QueueInfo) int {
		return cmp.Or(orders[m.sort].compare(&a, &b), cmp.Compare(a.Queue, b.Queue))
	})
	return queues
}

// orders are the orders of the queues: those that need a look first.
var orders = []struct {
	name    string
	compare func(a, b *queueadmin.QueueInfo) int
}{
	{"name", func(*queueadmin.QueueInfo, *queueadmin.QueueInfo) int { return 0 }},
	{"waiting", func(a, b *queueadmin.QueueInfo) int { return cmp.Compare(waiting(b), waiting(a)) }},
	{"age", func(a, b *queueadmin.QueueInfo) int { return cmp.Compare(age(b), age(a)) }},
	{"dead", func(a, b *queueadmin.QueueInfo) int { return cmp.Compare(b.Stats.Dead, a.Stats.Dead) }},
	{"leased", func(a, b *queueadmin.QueueInfo) int { return cmp.Compare(b.Stats.Leased, a.Stats.Leased) }},
}

func waiting(q *queueadmin.QueueInfo) int64 { return q.Stats.Queued + q.Stats.Staged }

// age returns the age of the next message, or -1.
func age(q *queueadmin.QueueInfo) time.Duration {
	if q.Next.Sent.IsZero() {
		return -1
	}
	return max(0, q.At.Sub(q.Next.Sent))
}

// index returns the position of the selected queue, or -1.
func (m *model) index(queues []queueadmin.QueueInfo) int {
	return slices.IndexFunc(queues, func(q queueadmin.QueueInfo) bool { return m.has && q.Queue == m.selected })
}

// keepSelection selects the first queue if the selected one is not shown.
func (m *model) keepSelection() {
	if m.screen != screenQueues {
		return
	}
	queues := m.queues()
	if m.index(queues) >= 0 {
		return
	}
	if m.has = len(queues) > 0; m.has {
		m.selected = queues[0].Queue
	}
}

// move moves the selection.
func (m *model) move(by int) {
	if m.screen != screenQueues {
		n := len(m.messages)
		if m.screen == screenDead {
			n = len(m.letters)
		}
		m.row = max(0, min(m.row+by, n-1))
		return
	}
	queues := m.queues()
	if len(queues) == 0 {
		return
	}
	i := max(0, min(max(0, m.index(queues))+by, len(queues)-1))
	m.selected, m.has = queues[i].Queue, true
}

// keys handles the keys of one read, which has several if the user is fast. A paste is not a
// command.
func (m *model) keys(k tea.KeyMsg) tea.Cmd {
	switch {
	case m.filtering || k.Type != tea.KeyRunes || len(k.Runes) == 1:
		return m.key(k)
	case k.Paste:
		return nil
	}
	var commands []tea.Cmd
	for _, r := range k.Runes {
		commands = append(commands, m.key(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{r}}))
	}
	return tea.Batch(commands...)
}

// key handles a key.
func (m *model) key(k tea.KeyMsg) tea.Cmd {
	name := k.String()
	if name == "ctrl+c" {
		return tea.Quit
	}
	if m.filtering {
		m.filterKey(k)
		return nil
	}
	if m.screen == screenConfirm {
		m.screen = screenDead
		if name != "y" {
			m.notice = "nothing was requeued"
			return nil
		}
		queue, id := m.selected, m.asked
		return m.call(func(ctx context.Context) tea.Msg {
			found, err := m.Backend.Requeue(ctx, queue, id)
			return requeuedMsg{id, found, err}
		})
	}
	m.notice = ""
	page := max(1, m.height-8)
	switch name {
	case "up", "k":
		m.move(-1)
	case "down", "j":
		m.move(1)
	case "pgup":
		m.move(-page)
	case "pgdown":
		m.move(page)
	case "home", "g":
		m.move(-1 << 30)
	case "end", "G":
		m.move(1 << 30)
	case " ":
		m.paused = !m.paused
	case "?":
		if m.screen != screenHelp {
			m.before, m.screen = m.screen, screenHelp
		}
	case "q", "esc":
		return m.back(name)
	default:
		return m.act(name)
	}
	return nil
}

// back leaves a screen. Only q leaves the program.
func (m *model) back(name string) tea.Cmd {
	switch m.screen {
	case screenQueues:
		if name == "q" {
			return tea.Quit
		}
		m.filter = ""
	case screenHelp:
		m.screen = m.before
	case screenLetter:
		m.screen = screenDead
	default:
		m.screen, m.failure = screenQueues, nil
	}
	m.keepSelection()
	return nil
}

// act handles the keys of a screen.
func (m *model) act(name string) tea.Cmd {
	switch {
	case m.screen == screenQueues && name == "s":
		m.sort = (m.sort + 1) % len(orders)
	case m.screen == screenQueues && name == "/":
		m.filtering = true
	case m.screen <= screenDead && m.has && (name == "p" || name == "d"):
		m.screen, m.row, m.messages, m.letters, m.failure = screenPeek, 0, nil, nil, nil
		if name == "d" {
			m.screen = screenDead
		}
		return m.load()
	case m.screen == screenQueues && name == "enter" && m.has:
		m.screen = screenQueue
	case m.screen == screenDead && name == "enter" && len(m.letters) > 0:
		m.screen = screenLetter
	case (m.screen == screenDead || m.screen == screenLetter) && name == "r" && len(m.letters) > 0:
		m.screen, m.asked = screenConfirm, m.letters[m.row].ID
	}
	return nil
}

// filterKey edits the filter.
func (m *model) filterKey(k tea.KeyMsg) {
	switch k.Type {
	case tea.KeyEnter:
		m.filtering = false
	case tea.KeyEsc:
		m.filtering, m.filter = false, ""
	case tea.KeyBackspace:
		if runes := []rune(m.filter); len(runes) > 0 {
			m.filter = string(runes[:len(runes)-1])
		}
	case tea.KeyRunes, tea.KeySpace:
		m.filter += string(k.Runes)
	default:
	}
	m.keepSelection()
}
