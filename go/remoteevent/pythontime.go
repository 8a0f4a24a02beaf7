package remoteevent

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// PythonTime is a time as Python's datetime.isoformat() writes it, for fields of
// events that Python applications send or receive. A [time.Time] takes a time with
// an offset only, and rejects what datetime.now().isoformat() writes:
// "2026-01-02T03:04:05.123456".
//
// It reads the forms of isoformat(), with T or a space before the hour, with an
// offset, with Z, or without either, and with up to nine digits of a second. It
// writes the form of isoformat(): microseconds if there are any, and an offset
// unless Naive is set. A Python datetime has no nanoseconds: they are cut off. Years before 1
// and after 9999 are an error.
//
// The zero value is year 1 in UTC, and not naive. A payload's null is the zero
// value.
type PythonTime struct {
	// Time is the time. Where it is naive, it is the reading of the clock, in UTC:
	// only the sender knows where that clock stood. See [PythonTime.In].
	Time time.Time
	// Naive reports whether the time has no offset.
	Naive bool
}

// In returns the time, where a naive one is read as the clock of a location, such
// as [time.Local]. A time with an offset is the same moment in any location. A nil
// location is UTC.
func (t PythonTime) In(location *time.Location) time.Time {
	if location == nil {
		location = time.UTC
	}
	if !t.Naive {
		return t.Time.In(location)
	}
	year, month, day := t.Time.Date()
	return time.Date(year, month, day, t.Time.Hour(), t.Time.Minute(), t.Time.Second(), t.Time.Nanosecond(), location)
}

// String returns the form of isoformat().
func (t PythonTime) String() string {
	layout := "2006-01-02T15:04:05"
	if t.Time.Nanosecond() >= int(time.Microsecond) {
		layout += ".000000"
	}
	if t.Naive {
		return t.Time.Format(layout)
	}
	if _, offset := t.Time.Zone(); offset%60 != 0 {
		return t.Time.Format(layout + "-07:00:00")
	}
	return t.Time.Format(layout + "-07:00")
}

// MarshalText returns the form of isoformat().
func (t PythonTime) MarshalText() ([]byte, error) {
	if year := t.Time.Year(); year < 1 || year > 9999 {
		return nil, fmt.Errorf("PythonTime: Python's datetime does not have the year %d", year)
	}
	return []byte(t.String()), nil
}

// UnmarshalText reads the form of isoformat(). Its error does not quote the text.
func (t *PythonTime) UnmarshalText(text []byte) error {
	s := string(text)
	const date = "2006-01-02"
	if len(s) > len(date) && s[len(date)] == ' ' {
		s = s[:len(date)] + "T" + s[len(date)+1:]
	}
	const naive = "2006-01-02T15:04:05"
	// Package time also accepts a comma as the decimal point, and an hour of one digit.
	if strings.Contains(s, ",") || len(s) < len(naive) || s[len("2006-01-02T15")] != ':' || len(s) > len(naive+".999999999-07:00:00") {
		return errNoPythonTime
	}
	if read, err := time.Parse(naive, s); err == nil {
		*t = PythonTime{Time: read, Naive: true}
		return nil
	}
	for _, layout := range []string{naive + "Z07:00", naive + "Z07:00:00"} {
		if read, err := time.Parse(layout, s); err == nil {
			*t = PythonTime{Time: read}
			return nil
		}
	}
	return errNoPythonTime
}

var errNoPythonTime = errors.New("PythonTime: the text does not have the form of Python's datetime.isoformat()")
