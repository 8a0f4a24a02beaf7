package engine

import (
	"fmt"
	"strings"

	"github.com/remote-events/remote-events/compat/internal/report"
	"github.com/remote-events/remote-events/compat/internal/suite"
)

// Describe describes a case and the expected results of each party, as pairs of a heading
// and a text.
func Describe(c suite.Case) [][2]string {
	switch {
	case c.Delivery != nil:
		message, legacy := c.Delivery.Message.Bytes(), c.Delivery.Legacy
		if c.Delivery.Platform {
			legacy += ", or, depending on its platform, delivers"
		}
		if c.Delivery.Disturbs {
			legacy += "; and continues in another state"
		}
		return [][2]string{
			{"list", c.Delivery.Key},
			{"message", readable(message)},
			{"", fmt.Sprintf("%d bytes%s", len(message), firstBytes(message))},
			{"verdict", c.Delivery.Verdict},
			{"receiver", wanted(&c, message).String()},
			{"original", legacy},
		}
	case c.Sending != nil:
		expected := "sends " + readable(c.Sending.Message)
		if c.Sending.Rejected != nil {
			expected = "rejects it: " + strings.Join(c.Sending.Rejected, ", ")
		}
		return append(describeEvent(c.Sending.Event), [2]string{"sender", expected}, [2]string{"original", measured(c.Sending.Python)})
	case c.Event != nil:
		return append(describeEvent(*c.Event),
			[2]string{"sender", "sends it"}, [2]string{"receiver", "delivers the message of each sender"})
	case c.Kind == suite.Evaluate:
		var lines [][2]string
		for _, q := range c.Questions {
			input, err := q.Input()
			if err != nil {
				input = []byte(err.Error())
			}
			lines = append(lines, [2]string{"input", readable(input)}, [2]string{"output", report.Visible(q.Expected)})
		}
		return lines
	case c.Script != nil:
		lines := [][2]string{}
		for i, step := range c.Script.Steps {
			lines = append(lines, [2]string{fmt.Sprint("step ", i+1), step.String()})
		}
		return lines
	}
	return nil
}

// readable returns the beginning of a text in one line, with all characters visible.
func readable(text []byte) string {
	const limit = 4096
	return report.Visible(Text(text, limit))
}

// firstBytes returns the first bytes of a message with invisible characters.
func firstBytes(message []byte) string {
	const limit = 32
	if readable(message) == string(message) {
		return ""
	}
	return fmt.Sprintf(", the first of them % x", message[:min(len(message), limit)])
}

func describeEvent(event suite.Event) [][2]string {
	lines := [][2]string{{"event", report.Visible(event.EventName)}, {"payload", readable([]byte(event.PayloadText))}}
	if len(event.Parents) > 0 {
		lines = append(lines, [2]string{"parents", report.Visible(strings.Join(event.Parents, ", "))})
	}
	if event.Signals != nil {
		lines = append(lines, [2]string{"signals", report.Visible(strings.Join(event.Signals, ", "))})
	}
	if len(event.Metadata) > 0 {
		lines = append(lines, [2]string{"metadata", fmt.Sprint(event.Metadata)})
	}
	return lines
}

// measured returns the measured behaviour of an original.
func measured(m *suite.Measured) string {
	switch {
	case m == nil:
		return "was not measured"
	case m.Message == nil:
		return "rejects: " + m.Error
	}
	return fmt.Sprintf("sends to %q %s", m.Key, readable(m.Message))
}
