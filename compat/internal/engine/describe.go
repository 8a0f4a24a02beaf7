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
		legacy := c.Delivery.Legacy
		if c.Delivery.Platform {
			legacy += ", or, depending on its platform, delivers"
		}
		if c.Delivery.Disturbs {
			legacy += "; and is not what it was afterwards"
		}
		return [][2]string{
			{"list", c.Delivery.Key},
			{"message", fmt.Sprintf("%s\n%-12s%d bytes", Text(c.Delivery.Message, most), "", len(c.Delivery.Message))},
			{"verdict", c.Delivery.Verdict},
			{"receiver", wanted(&c).String()},
			{"original", legacy},
		}
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
