package config

import (
	"encoding/base64"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// A kind is the type that PyYAML gives a node.
type kind int

const (
	nullKind kind = iota
	booleanKind
	integerKind
	floatKind
	stringKind
	timestampKind
	binaryKind
	sequenceKind
	mappingKind
	otherKind // a set, an ordered mapping, pairs
)

func (k kind) String() string {
	return [...]string{
		"null", "a boolean", "an integer", "a float", "a string", "a timestamp", "binary data",
		"a sequence", "a mapping", "a collection of another type",
	}[k]
}

// A value is a node as PyYAML's safe_load reads it. The field for its kind
// is set. Sequences and mappings remain in the node.
type value struct {
	kind    kind
	node    *yaml.Node
	boolean bool
	integer *big.Int
	float   float64
	text    string // of a string; of a timestamp, Python's str()
}

// The tags of YAML 1.1 that the code uses.
const (
	boolTag      = "!!bool"
	floatTag     = "!!float"
	intTag       = "!!int"
	mergeTag     = "!!merge"
	nullTag      = "!!null"
	timestampTag = "!!timestamp"
	valueTag     = "!!value"
	strTag       = "!!str"
)

// resolvers are the resolvers of YAML 1.1 in PyYAML. yaml.v3 uses its own mixture of 1.1
// and 1.2.
var resolvers = []struct {
	tag     string
	pattern *regexp.Regexp
}{
	{boolTag, regexp.MustCompile(`^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$`)},
	{floatTag, regexp.MustCompile(`^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?` +
		`|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?` +
		`|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*` +
		`|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$`)},
	{intTag, regexp.MustCompile(`^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)` +
		`|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$`)},
	{mergeTag, regexp.MustCompile(`^<<$`)},
	{nullTag, regexp.MustCompile(`^(?:~|null|Null|NULL|)$`)},
	{timestampTag, regexp.MustCompile(`^(?:[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{4}-[0-9][0-9]?-[0-9][0-9]?` +
		`(?:[Tt]|[ \t]+)[0-9][0-9]?:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9][0-9]?(?::[0-9]{2})?))?)$`)},
	{valueTag, regexp.MustCompile(`^=$`)},
}

// tagOf returns the tag that PyYAML gives a node.
func tagOf(n *yaml.Node) string {
	const notPlain = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	switch {
	case n.Style&yaml.TaggedStyle != 0, n.Kind != yaml.ScalarNode:
		return n.Tag
	case n.Style&notPlain != 0:
		return strTag
	}
	for _, resolver := range resolvers {
		if resolver.pattern.MatchString(n.Value) {
			return resolver.tag
		}
	}
	return strTag
}

// resolve returns the value of a node, or the reason why PyYAML rejects it.
func resolve(n *yaml.Node) (v value, problem string) {
	v.node = n
	tag := tagOf(n)
	if n.Kind == yaml.MappingNode {
		return resolveCollection(v, tag, "!!map", mappingKind, "!!set")
	}
	if n.Kind == yaml.SequenceNode {
		return resolveCollection(v, tag, "!!seq", sequenceKind, "!!omap", "!!pairs")
	}
	switch tag {
	case strTag:
		v.kind, v.text = stringKind, n.Value
	case nullTag:
		v.kind = nullKind
	case boolTag:
		return resolveBoolean(v)
	case intTag:
		return resolveInteger(v)
	case floatTag:
		return resolveFloat(v)
	case timestampTag:
		return resolveTimestamp(v)
	case "!!binary":
		v.kind = binaryKind
		if _, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(n.Value), "")); err != nil {
			return v, "not base64"
		}
	case mergeTag, valueTag:
		return v, "a plain '<<' or '=', which is not a string in YAML 1.1: write it in quotes"
	default:
		return v, "a tag that PyYAML's safe_load does not know"
	}
	return v, ""
}

func resolveCollection(v value, tag, own string, k kind, others ...string) (value, string) {
	switch {
	case tag == own:
		v.kind = k
	case slices.Contains(others, tag):
		v.kind = otherKind
	default:
		return v, "a tag that PyYAML's safe_load does not accept here"
	}
	return v, ""
}

func resolveBoolean(v value) (value, string) {
	v.kind = booleanKind
	switch strings.ToLower(v.node.Value) {
	case "yes", "true", "on":
		v.boolean = true
	case "no", "false", "off":
	default:
		return v, "not a boolean"
	}
	return v, ""
}

func resolveInteger(v value) (value, string) {
	v.kind = integerKind
	negative, digits := unsigned(v.node.Value)
	base := 10
	switch {
	case digits == "0":
	case strings.HasPrefix(digits, "0b"):
		base, digits = 2, digits[2:]
	case strings.HasPrefix(digits, "0x"):
		base, digits = 16, digits[2:]
	case strings.HasPrefix(digits, "0"):
		base = 8
	}
	v.integer = new(big.Int)
	parts := strings.Split(digits, ":")
	if base != 10 {
		parts = []string{digits}
	}
	for _, part := range parts {
		// Python accepts at most 4300 digits; a second sign is not a digit.
		n, ok := new(big.Int).SetString(part, base)
		if !ok || len(part) > 4300 || strings.ContainsAny(part, "+-") {
			return v, "not an integer that Python accepts"
		}
		v.integer.Mul(v.integer, big.NewInt(60)).Add(v.integer, n)
	}
	if negative {
		v.integer.Neg(v.integer)
	}
	return v, ""
}

func resolveFloat(v value) (value, string) {
	v.kind = floatKind
	negative, digits := unsigned(strings.ToLower(v.node.Value))
	switch digits {
	case ".inf":
		v.float = math.Inf(1)
	case ".nan":
		v.float = math.NaN()
	default:
		for part := range strings.SplitSeq(digits, ":") {
			f, err := strconv.ParseFloat(part, 64)
			if err != nil && !math.IsInf(f, 0) || !readsAsNumber(part) {
				return v, "not a float"
			}
			v.float = v.float*60 + f
		}
	}
	if negative {
		v.float = -v.float
	}
	return v, ""
}

// unsigned removes the sign and the underscores of a number.
func unsigned(number string) (negative bool, digits string) {
	digits = strings.ReplaceAll(number, "_", "")
	if digits != "" && (digits[0] == '-' || digits[0] == '+') {
		return digits[0] == '-', digits[1:]
	}
	return false, digits
}

var timestampParts = regexp.MustCompile(`^([0-9]{4})-([0-9][0-9]?)-([0-9][0-9]?)` +
	`(?:(?:[Tt]|[ \t]+)([0-9][0-9]?):([0-9]{2}):([0-9]{2})(?:\.([0-9]*))?` +
	`(?:[ \t]*(Z|([-+])([0-9][0-9]?)(?::([0-9]{2}))?))?)?$`)

func resolveTimestamp(v value) (value, string) {
	v.kind = timestampKind
	m := timestampParts.FindStringSubmatch(v.node.Value)
	if m == nil {
		return v, "not a timestamp"
	}
	number := func(s string) int { n, _ := strconv.Atoi(s); return n }
	zone := time.UTC
	if m[9] != "" {
		hours, minutes := number(m[10]), number(m[11])
		if hours*60+minutes >= 24*60 {
			return v, "not a timestamp: Python does not accept the time zone"
		}
		offset := (hours*60 + minutes) * 60
		if m[9] == "-" {
			offset = -offset
		}
		zone = time.FixedZone("", offset)
	}
	micros := number((m[7] + "000000")[:6])
	year, month, day := number(m[1]), number(m[2]), number(m[3])
	hour, minute, second := number(m[4]), number(m[5]), number(m[6])
	t := time.Date(year, time.Month(month), day, hour, minute, second, micros*1000, zone)
	if year < 1 || t.Year() != year || t.Month() != time.Month(month) || t.Day() != day ||
		t.Hour() != hour || t.Minute() != minute || t.Second() != second {
		return v, "not a timestamp: this day or time does not exist"
	}
	layout := time.DateOnly
	if m[4] != "" {
		layout = time.DateTime
		if micros != 0 {
			layout += ".000000"
		}
		if m[8] != "" {
			layout += "-07:00"
		}
	}
	v.text = t.Format(layout)
	return v, ""
}
