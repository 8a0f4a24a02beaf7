package engine

import (
	"fmt"
	"strings"

	"github.com/remote-events/remote-events/compat/internal/suite"
)

// Describe says what is done in a case and what is expected of each role, as
// pairs of a heading and a text.
func Describe(c suite.Case) [][2]string {
	const most = 4096
	switch {
	case c.Delivery != nil:
		message, legacy := c.Delivery.Message.Bytes(), c.Delivery.Legacy
		if c.Delivery.Platform {
			legacy += ", or, depending on its platform, delivers"
		}
		if c.Delivery.Disturbs {
			legacy += "; and is not what it was afterwards"
		}
		return [][2]string{
			{"list", c.Delivery.Key},
			{"message", fmt.Sprintf("%s\n%-12s%d bytes", Text(message, most), "", len(message))},
			{"verdict", c.Delivery.Verdict},
			{"receiver", wanted(&c, message).String()},
			{"original", legacy},
		}
	case c.Sending != nil:
		expected := "sends " + Text(c.Sending.Message, most)
		if c.Sending.Refused != nil {
			expected = "refuses it: " + strings.Join(c.Sending.Refused, ", ")
		}
		return append(describeEvent(c.Sending.Event, most), [2]string{"sender", expected}, [2]string{"original", measured(c.Sending.Python)})
	case c.Event != nil:
		return append(describeEvent(*c.Event, most),
			[2]string{"sender", "sends it"}, [2]string{"receiver", "delivers what each sender sent"})
	case c.Play != nil:
		lines := [][2]string{}
		for i, step := range c.Play.Steps {
			lines = append(lines, [2]string{fmt.Sprint("step ", i+1), step.String()})
		}
		return lines
	}
	return nil
}

func describeEvent(event suite.Event, most int) [][2]string {
	lines := [][2]string{{"event", event.EventName}, {"payload", Text([]byte(event.PayloadText), most)}}
	if len(event.Parents) > 0 {
		lines = append(lines, [2]string{"parents", strings.Join(event.Parents, ", ")})
	}
	if len(event.Metadata) > 0 {
		lines = append(lines, [2]string{"metadata", fmt.Sprint(event.Metadata)})
	}
	return lines
}

// measured says what an original was seen to do.
func measured(m *suite.Measured) string {
	switch {
	case m == nil:
		return "was not measured"
	case m.Message == nil:
		return "refuses: " + m.Error
	}
	return fmt.Sprintf("sends to %q %s", m.Key, Text(m.Message, 4096))
}
