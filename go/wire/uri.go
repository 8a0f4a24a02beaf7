package wire

import (
	"net/netip"
	"strings"
)

// readURI reports whether a text is a URI reference of RFC 3986, and whether it
// has a scheme. [net/url.Parse] accepts more texts.
func readURI(text string) (hasScheme, ok bool) {
	rest, fragment, _ := strings.Cut(text, "#")
	rest, query, _ := strings.Cut(rest, "?")
	if i := strings.IndexAny(rest, ":/"); i >= 0 && rest[i] == ':' {
		if !isScheme(rest[:i]) {
			return false, false // the first segment of a path must not contain a colon
		}
		hasScheme, rest = true, rest[i+1:]
	}
	if authority, found := strings.CutPrefix(rest, "//"); found {
		end := strings.IndexByte(authority+"/", '/')
		if !isAuthority(authority[:end]) {
			return false, false
		}
		rest = authority[end:]
	}
	return hasScheme, isURIText(rest, ":@/") && isURIText(query, ":@/?") && isURIText(fragment, ":@/?")
}

func isScheme(text string) bool {
	for i := range len(text) {
		if c := text[i]; !isLetter(c) && (i == 0 || !isDigit(c) && strings.IndexByte("+-.", c) < 0) {
			return false
		}
	}
	return text != ""
}

// isAuthority reports whether a text has the form [ userinfo "@" ] host [ ":" port ].
func isAuthority(text string) bool {
	user, host, found := strings.Cut(text, "@")
	if !found {
		user, host = "", text
	}
	if !isURIText(user, ":") {
		return false
	}
	if inner, found := strings.CutPrefix(host, "["); found {
		inner, port, closed := strings.Cut(inner, "]")
		return closed && isIPLiteral(inner) && (port == "" || port[0] == ':' && isPort(port[1:]))
	}
	name, port, _ := strings.Cut(host, ":")
	return isURIText(name, "") && isPort(port)
}

// isIPLiteral reports whether a text may be a host in brackets:
// an IPv6 address, or one of a future version.
func isIPLiteral(text string) bool {
	if text != "" && text[0]|0x20 == 'v' {
		version, address, _ := strings.Cut(text[1:], ".")
		return version != "" && strings.Trim(version, "0123456789abcdefABCDEF") == "" &&
			address != "" && !strings.Contains(address, "%") && isURIText(address, ":")
	}
	address, err := netip.ParseAddr(text)
	return err == nil && address.Is6() && address.Zone() == ""
}

func isPort(text string) bool { return strings.Trim(text, "0123456789") == "" }

// isURIText reports whether a part of a URI consists of unreserved characters and
// sub-delimiters, of the characters in others, and of complete percent-encodings.
func isURIText(text, others string) bool {
	const anywhere = "-._~!$&'()*+,;="
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case isLetter(c), isDigit(c), strings.IndexByte(anywhere, c) >= 0, strings.IndexByte(others, c) >= 0:
		case c == '%' && i+2 < len(text) && isHex(text[i+1]) && isHex(text[i+2]):
			i += 2
		default:
			return false
		}
	}
	return true
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isHex(c byte) bool    { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }
