package pyjson

import "fmt"

// Kind is the kind of a JSON value.
type Kind uint8

// The kinds of values. NonFinite is NaN, Infinity or -Infinity, which only Python
// accepts.
const (
	Object Kind = iota + 1
	Array
	String
	Number
	True
	False
	Null
	NonFinite
)

// String returns the kind with its article, for error messages: "an object", "null".
func (k Kind) String() string {
	return [...]string{
		"no value", "an object", "an array", "a string", "a number",
		"true", "false", "null", "a non-finite number",
	}[k]
}

// A SyntaxError reports where a text is not JSON.
type SyntaxError struct {
	// Offset is the position of the error in bytes, from 0.
	Offset int
	// Problem describes the error, without quoting the text.
	Problem string
}

func (e *SyntaxError) Error() string {
	if e == nil {
		return "no syntax error"
	}
	return fmt.Sprintf("%s at byte %d", e.Problem, e.Offset)
}

// A DepthError reports that a text is nested deeper than [Scanner.MaxDepth].
type DepthError struct {
	// Offset is the position of the bracket that exceeds the limit.
	Offset int
	// Limit is the maximum depth.
	Limit int
}

func (e *DepthError) Error() string {
	if e == nil {
		return "no depth error"
	}
	return fmt.Sprintf("nested deeper than %d levels at byte %d", e.Limit, e.Offset)
}

// An Observer receives every token that a [Scanner] reads, in the order of
// the text. Slices refer to the scanned text and must not be changed.
type Observer interface {
	// Open reports the opening bracket of an object or array.
	Open(kind Kind, offset int)
	// Name reports a member's name, without its quotes and still escaped.
	// offset is the position of the opening quote.
	Name(raw []byte, offset int)
	// Scalar reports a value other than an object or array, as raw text.
	Scalar(kind Kind, raw []byte, offset int)
	// Close reports the end of the innermost object or array.
	Close()
}

// A Scanner scans one text. The zero value with Src set is ready for use.
// It is not safe for concurrent use.
type Scanner struct {
	// Src is the text. The scanner does not change it.
	Src []byte
	// MaxDepth is the maximum depth of objects and arrays; the outermost counts as 1.
	// Zero means no maximum.
	MaxDepth int
	// Observer, if not nil, receives every token.
	Observer Observer

	depth int // of the active Members and Elements calls
}

// Space returns the first position at or after pos without white space.
func (s *Scanner) Space(pos int) int {
	if pos < len(s.Src) && s.Src[pos] > ' ' {
		return pos
	}
	return space(s.Src, pos)
}

// Document checks that Src is one value, surrounded at most by white space,
// and returns the value's kind and position.
func (s *Scanner) Document() (kind Kind, start, end int, err error) {
	start = s.Space(0)
	if kind, err = s.Peek(start); err != nil {
		return 0, 0, 0, err
	}
	if end, err = s.Value(start); err != nil {
		return 0, 0, 0, err
	}
	return kind, start, end, s.End(end)
}

// End checks that only white space follows at pos.
func (s *Scanner) End(pos int) error {
	if pos = s.Space(pos); pos < len(s.Src) {
		return s.fail(pos, "the text continues after the end of the value")
	}
	return nil
}

// Peek returns the kind of the value at pos. It examines only the first byte.
func (s *Scanner) Peek(pos int) (Kind, error) {
	if pos >= len(s.Src) {
		return 0, s.fail(len(s.Src), "the text ends where a value should begin")
	}
	switch c := s.Src[pos]; c {
	case '{':
		return Object, nil
	case '[':
		return Array, nil
	case '"':
		return String, nil
	case 't':
		return True, nil
	case 'f':
		return False, nil
	case 'n':
		return Null, nil
	case 'N', 'I':
		return NonFinite, nil
	case '-':
		if pos+1 < len(s.Src) && s.Src[pos+1] == 'I' {
			return NonFinite, nil
		}
		return Number, nil
	default:
		if isDigit(c) {
			return Number, nil
		}
		return 0, s.fail(pos, "no value begins here")
	}
}

// Begin reads the opening bracket at pos and the white space after it. For an empty
// object or array, more is false and next is the position after its end. Otherwise next
// is the position of the first member's name, for [Scanner.Name], or of the first
// element.
func (s *Scanner) Begin(kind Kind, pos int) (next int, more bool, err error) {
	if err := s.open(kind, pos); err != nil {
		return 0, false, err
	}
	if next = s.Space(pos + 1); s.at(next) == closer(kind) {
		s.close()
		return next + 1, false, nil
	}
	return next, true, nil
}

// Next advances from pos, the end of a member or element, to the next one. Its results
// have the meaning of the results of [Scanner.Begin].
func (s *Scanner) Next(kind Kind, pos int) (next int, more bool, err error) {
	if s.at(pos) != ',' { // Most texts have no white space before a comma.
		pos = s.Space(pos)
	}
	switch s.at(pos) {
	case ',':
		return s.Space(pos + 1), true, nil
	case closer(kind):
		s.close()
		return pos + 1, false, nil
	}
	if kind == Object {
		return 0, false, s.fail(pos, "a member is followed by neither ',' nor '}'")
	}
	return 0, false, s.fail(pos, "an element is followed by neither ',' nor ']'")
}

// Name reads a member's name and the colon. It returns the name, without its
// quotes and still escaped, and the position of the value.
func (s *Scanner) Name(pos int) (name []byte, value int, err error) {
	if s.at(pos) != '"' {
		return nil, 0, s.fail(pos, "a member's name should begin here, with '\"'")
	}
	end, err := s.str(pos)
	if err != nil {
		return nil, 0, err
	}
	name = s.Src[pos+1 : end-1]
	if s.Observer != nil {
		s.Observer.Name(name, pos)
	}
	if s.at(end) != ':' {
		if end = s.Space(end); s.at(end) != ':' {
			return nil, 0, s.fail(end, "a member's name is not followed by ':'")
		}
	}
	return name, s.Space(end + 1), nil
}

// Members scans the object at pos and returns the position after it. It calls member for
// each member with the name, still escaped, and the position of the value. member
// returns the position after the value, usually the result of [Scanner.Value].
func (s *Scanner) Members(pos int, member func(name []byte, pos int) (int, error)) (int, error) {
	pos, more, err := s.Begin(Object, pos)
	for more && err == nil {
		var name []byte
		if name, pos, err = s.Name(pos); err != nil {
			break
		}
		if pos, err = member(name, pos); err != nil {
			break
		}
		pos, more, err = s.Next(Object, pos)
	}
	if err != nil {
		return 0, err
	}
	return pos, nil
}

// Elements scans the array at pos, as [Scanner.Members] scans an object.
func (s *Scanner) Elements(pos int, element func(pos int) (int, error)) (int, error) {
	pos, more, err := s.Begin(Array, pos)
	for more && err == nil {
		if pos, err = element(pos); err != nil {
			break
		}
		pos, more, err = s.Next(Array, pos)
	}
	if err != nil {
		return 0, err
	}
	return pos, nil
}

// Value scans the value at pos and returns the position after it.
func (s *Scanner) Value(pos int) (int, error) {
	if s.Observer == nil {
		deepest := maxSkip
		if s.MaxDepth > 0 {
			deepest = min(deepest, s.MaxDepth-s.depth)
		}
		if end := skip(s.Src, pos, deepest); end >= 0 {
			return end, nil
		}
	}
	return s.walk(pos)
}

// walk is Value token by token. It calls the observer, follows to any depth, and returns
// precise errors.
func (s *Scanner) walk(pos int) (int, error) {
	var small [64]Kind
	open := small[:0] // stack of open brackets; the loop does not recurse
	for {
		kind, err := s.Peek(pos)
		if err != nil {
			return 0, err
		}
		if kind == Object || kind == Array {
			var more bool
			if pos, more, err = s.Begin(kind, pos); err != nil {
				return 0, err
			}
			if more {
				open = append(open, kind)
				if kind == Object {
					if _, pos, err = s.Name(pos); err != nil {
						return 0, err
					}
				}
				continue
			}
		} else if pos, err = s.Scalar(kind, pos); err != nil {
			return 0, err
		}
		// After a value: close finished objects and arrays, or advance to the next value.
		for more := false; !more; {
			if len(open) == 0 {
				return pos, nil
			}
			in := open[len(open)-1]
			if pos, more, err = s.Next(in, pos); err != nil {
				return 0, err
			}
			if !more {
				open = open[:len(open)-1]
			} else if in == Object {
				if _, pos, err = s.Name(pos); err != nil {
					return 0, err
				}
			}
		}
	}
}

// Scalar scans the scalar of the given kind at pos.
func (s *Scanner) Scalar(kind Kind, pos int) (end int, err error) {
	switch kind {
	case String:
		end, err = s.str(pos)
	case Number:
		end, err = s.number(pos)
	case True:
		end, err = s.literal(pos, "true")
	case False:
		end, err = s.literal(pos, "false")
	case Null:
		end, err = s.literal(pos, "null")
	default:
		switch s.Src[pos] {
		case 'N':
			end, err = s.literal(pos, "NaN")
		case 'I':
			end, err = s.literal(pos, "Infinity")
		default:
			end, err = s.literal(pos, "-Infinity")
		}
	}
	if err == nil && s.Observer != nil {
		s.Observer.Scalar(kind, s.Src[pos:end], pos)
	}
	return end, err
}

func (s *Scanner) open(kind Kind, pos int) error {
	s.depth++
	if s.MaxDepth > 0 && s.depth > s.MaxDepth {
		return &DepthError{Offset: pos, Limit: s.MaxDepth}
	}
	if s.Observer != nil {
		s.Observer.Open(kind, pos)
	}
	return nil
}

func (s *Scanner) close() {
	s.depth--
	if s.Observer != nil {
		s.Observer.Close()
	}
}

// String scans the string at pos. It returns the string without its quotes and still
// escaped, whether it contains escapes, and the position after it. It does not call the
// observer.
func (s *Scanner) String(pos int) (raw []byte, escaped bool, end int, err error) {
	if end, escaped = stringEnd(s.Src, pos+1); end < 0 {
		return nil, false, 0, s.stringFault(pos)
	}
	return s.Src[pos+1 : end-1], escaped, end, nil
}

// Number scans the number at pos. It does not call the observer.
func (s *Scanner) Number(pos int) (raw []byte, end int, err error) {
	if end = numberEnd(s.Src, pos); end < 0 {
		return nil, 0, s.numberFault(pos)
	}
	return s.Src[pos:end], end, nil
}

// str scans the string at pos.
func (s *Scanner) str(pos int) (int, error) {
	if end, _ := stringEnd(s.Src, pos+1); end >= 0 {
		return end, nil
	}
	return 0, s.stringFault(pos)
}

// stringFault returns the error of the invalid string at pos.
func (s *Scanner) stringFault(pos int) error {
	for i := pos + 1; i < len(s.Src); {
		switch c := s.Src[i]; {
		case c == '\\':
			n := escapeLen(s.Src, i)
			if n == 0 && s.at(i+1) == 'u' {
				return s.fail(i, "\\u is not followed by four hexadecimal digits")
			} else if n == 0 {
				return s.fail(i, "invalid escape sequence")
			}
			i += n
		case c < 0x20:
			return s.fail(i, "a control character in a string is not escaped")
		default:
			i++
		}
	}
	return s.fail(len(s.Src), "the text ends within a string")
}

func (s *Scanner) number(pos int) (int, error) {
	if end := numberEnd(s.Src, pos); end >= 0 {
		return end, nil
	}
	return 0, s.numberFault(pos)
}

// numberFault returns the error of the invalid number at pos.
func (s *Scanner) numberFault(pos int) error {
	i := pos
	if s.at(i) == '-' {
		i++
	}
	if !isDigit(s.at(i)) {
		return s.fail(pos, "'-' is not followed by a digit")
	}
	if s.at(i) == '0' {
		i++
	} else {
		i = digits(s.Src, i)
	}
	if s.at(i) == '.' {
		if !isDigit(s.at(i + 1)) {
			return s.fail(i, "a decimal point is not followed by a digit")
		}
		i = digits(s.Src, i+1)
	}
	return s.fail(i, "an exponent has no digit")
}

func (s *Scanner) literal(pos int, word string) (int, error) {
	if end := literalEnd(s.Src, pos, word); end >= 0 {
		return end, nil
	}
	return 0, s.fail(pos, "no value begins here")
}

// at returns the byte at pos, or 0 at the end. The grammar has no byte 0.
func (s *Scanner) at(pos int) byte {
	if pos < len(s.Src) {
		return s.Src[pos]
	}
	return 0
}

func (s *Scanner) fail(pos int, problem string) error {
	return &SyntaxError{Offset: min(pos, len(s.Src)), Problem: problem}
}

func closer(kind Kind) byte {
	if kind == Object {
		return '}'
	}
	return ']'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isHex(c byte) bool {
	return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f'
}
