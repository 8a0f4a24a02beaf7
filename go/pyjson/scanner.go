package pyjson

import "fmt"

// Kind is the kind of a JSON value.
type Kind uint8

// The kinds of value. NonFinite is NaN, Infinity or -Infinity, which are
// values to Python and to no other reader of JSON.
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

// String names the kind as an error message does: "an object", "null".
func (k Kind) String() string {
	return [...]string{
		"no value", "an object", "an array", "a string", "a number",
		"true", "false", "null", "a non-finite number",
	}[k]
}

// A SyntaxError says where a text stops being JSON.
type SyntaxError struct {
	// Offset is the byte at which the fault stands, counted from 0.
	Offset int
	// Problem is the fault in words, without any of the text itself.
	Problem string
}

func (e *SyntaxError) Error() string {
	if e == nil {
		return "no fault"
	}
	return fmt.Sprintf("%s at byte %d", e.Problem, e.Offset)
}

// A DepthError says that a text nests deeper than [Scanner.MaxDepth].
type DepthError struct {
	// Offset is the bracket that went too deep.
	Offset int
	// Limit is the depth that was permitted.
	Limit int
}

func (e *DepthError) Error() string {
	if e == nil {
		return "no fault"
	}
	return fmt.Sprintf("nested deeper than %d levels at byte %d", e.Limit, e.Offset)
}

// An Observer is told of everything that a [Scanner] passes, in the order of
// the text. Slices are parts of the scanned text and must not be changed.
type Observer interface {
	// Open reports the bracket that begins an object or array.
	Open(kind Kind, offset int)
	// Name reports a member's name, without its quotes and still escaped;
	// offset is that of the opening quote.
	Name(raw []byte, offset int)
	// Scalar reports a value that is neither object nor array, as it stands.
	Scalar(kind Kind, raw []byte, offset int)
	// Close reports the end of what was opened last.
	Close()
}

// A Scanner walks over one text. The zero value with Src set is ready for use;
// it must not be used by several goroutines at once.
type Scanner struct {
	// Src is the text. It is never changed.
	Src []byte
	// MaxDepth is how deep objects and arrays may nest, the outermost one
	// counted as 1. Zero means any depth.
	MaxDepth int
	// Observer, where it is not nil, is told of all that is passed.
	Observer Observer

	depth int // of the Members and Elements calls under way
}

// Space returns the first position at or after pos that holds no white space.
func (s *Scanner) Space(pos int) int {
	if pos < len(s.Src) && s.Src[pos] > ' ' {
		return pos
	}
	return space(s.Src, pos)
}

// Document checks that Src is one value, with nothing but white space about it,
// and returns the value's kind and place.
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

// End checks that only white space stands at and after pos.
func (s *Scanner) End(pos int) error {
	if pos = s.Space(pos); pos < len(s.Src) {
		return s.fail(pos, "something stands after the end of the value")
	}
	return nil
}

// Peek returns the kind of the value whose first byte is at pos, going by that
// byte alone.
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

// Begin passes the bracket at pos, which opens an object or array, and the white
// space behind it. Where the object or array is empty, more is false and next
// stands behind its end. Else next is where [Scanner.Name] finds the first
// member's name, or where the first element begins.
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

// Next goes on from pos, behind a member or element, to the one that follows, as
// [Scanner.Begin] does to the first.
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

// Name passes a member's name and the colon, and returns the name, without its
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

// Members walks over the object whose brace stands at pos and returns the
// position behind it. For each member it calls member with the name, still
// escaped, and the position of the value; member returns the position behind
// the value, most simply that of [Scanner.Value].
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

// Elements walks over the array whose bracket stands at pos, as
// [Scanner.Members] does over an object.
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

// Value passes the whole value that begins at pos and returns the position
// behind it.
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

// walk does what Value does, one step after the other: it tells the observer,
// follows to any depth, and says what is wrong.
func (s *Scanner) walk(pos int) (int, error) {
	var small [64]Kind
	open := small[:0] // what is open, innermost last; the loop never recurses
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
		// A value has ended: close what ends with it, or go on to the next.
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

// Scalar passes the value of the given kind, neither object nor array, that
// begins at pos.
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

// String passes the string whose opening quote stands at pos. It returns the
// string without its quotes and still escaped, whether it has escapes at all, and
// the position behind it. It tells no observer.
func (s *Scanner) String(pos int) (raw []byte, escaped bool, end int, err error) {
	if end, escaped = stringEnd(s.Src, pos+1); end < 0 {
		return nil, false, 0, s.stringFault(pos)
	}
	return s.Src[pos+1 : end-1], escaped, end, nil
}

// Number passes the number at pos. It tells no observer.
func (s *Scanner) Number(pos int) (raw []byte, end int, err error) {
	if end = numberEnd(s.Src, pos); end < 0 {
		return nil, 0, s.numberFault(pos)
	}
	return s.Src[pos:end], end, nil
}

// str passes the string whose opening quote stands at pos.
func (s *Scanner) str(pos int) (int, error) {
	if end, _ := stringEnd(s.Src, pos+1); end >= 0 {
		return end, nil
	}
	return 0, s.stringFault(pos)
}

// stringFault says what is wrong with the string at pos.
func (s *Scanner) stringFault(pos int) error {
	for i := pos + 1; i < len(s.Src); {
		switch c := s.Src[i]; {
		case c == '\\':
			n := escapeLen(s.Src, i)
			if n == 0 && s.at(i+1) == 'u' {
				return s.fail(i, "\\u is not followed by four hexadecimal digits")
			} else if n == 0 {
				return s.fail(i, "no escape sequence of JSON begins here")
			}
			i += n
		case c < 0x20:
			return s.fail(i, "a control character stands in a string without being escaped")
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

// numberFault says what is wrong with the number at pos.
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

// at returns the byte at pos, or 0, which stands nowhere in the grammar,
// behind the end.
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
