//! The JSON of section 4: a scanner that neither recurses nor changes a byte.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::Write;

use crate::requirement::Requirement;

/// Objects and arrays that nest deeper than this make a message malformed (LIMIT-4).
const MAX_DEPTH: usize = 10_000;
/// Objects and arrays that nest deeper than this kill originals (LIMIT-1).
const MAX_SAFE_DEPTH: usize = 512;
const MAX_SAFE_DIGITS: usize = 4_300;

/// A string of a JSON text with its escapes resolved.
///
/// `bytes` are UTF-8, except that a surrogate without its partner is encoded like any other
/// code point (WTF-8), so that names compare as they were written.
pub(crate) struct Text<'a> {
    pub bytes: Cow<'a, [u8]>,
    pub lone_surrogate: bool,
}

impl Text<'_> {
    /// The string, unless it has a surrogate without its partner.
    pub fn into_string(self) -> Option<String> {
        String::from_utf8(self.bytes.into_owned()).ok()
    }
}

/// Resolves the escapes of a valid string `raw`, given without its quotes.
fn unescape(raw: &str) -> Text<'_> {
    if !raw.contains('\\') {
        return Text { bytes: Cow::Borrowed(raw.as_bytes()), lone_surrogate: false };
    }
    let (mut bytes, mut lone_surrogate, mut rest) = (Vec::with_capacity(raw.len()), false, raw);
    let unit = |text: &str| u32::from_str_radix(text.get(2..6)?, 16).ok();
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        rest = &rest[at..];
        let mut length = 2;
        match rest.as_bytes()[1] {
            b'b' => bytes.push(8),
            b'f' => bytes.push(12),
            b'n' => bytes.push(b'\n'),
            b'r' => bytes.push(b'\r'),
            b't' => bytes.push(b'\t'),
            b'u' => {
                let mut code = unit(rest).unwrap_or_default();
                length = 6;
                if (0xD800..0xDC00).contains(&code)
                    && rest[6..].starts_with("\\u")
                    && let Some(low @ 0xDC00..0xE000) = unit(&rest[6..])
                {
                    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
                    length = 12;
                }
                if let Some(c) = char::from_u32(code) {
                    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                } else {
                    lone_surrogate = true;
                    bytes.extend(
                        [0xE0 | code >> 12, 0x80 | code >> 6 & 0x3F, 0x80 | code & 0x3F].map(|b| b.to_le_bytes()[0]),
                    );
                }
            }
            other => bytes.push(other), // " \ /
        }
        rest = &rest[length..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    Text { bytes: Cow::Owned(bytes), lone_surrogate }
}

/// Returns the value as a string, if it is a string.
pub(crate) fn string(value: &str) -> Option<Text<'_>> {
    Some(unescape(value.strip_prefix('"')?.strip_suffix('"')?))
}

/// Writes `text` as a JSON string in ASCII, as Python's `json.dumps` does.
pub(crate) fn write_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\x08' => out.push_str("\\b"),
            '\x0C' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            ' '..='~' => out.push(c),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

struct Frame<'a> {
    object: bool,
    names: HashSet<Cow<'a, [u8]>>,
}

struct Scanner<'a, 'f> {
    text: &'a str,
    at: usize,
    open: Vec<Frame<'a>>,
    found: Option<&'f mut Vec<Requirement>>,
}

/// Reads one JSON text. `visit` gets the members of the outermost value with their names,
/// or its elements, in their order. The result is the outermost value without white space
/// around it, or the requirement that makes the text malformed. `found` gets the other
/// requirements that the text violates; without it, the text is not checked for these.
pub(crate) fn scan<'a>(
    text: &'a str,
    found: Option<&mut Vec<Requirement>>,
    mut visit: impl FnMut(Option<Text<'a>>, &'a str),
) -> Result<&'a str, Requirement> {
    let mut scanner = Scanner { text, at: 0, open: Vec::new(), found };
    scanner.run(&mut visit)
}

/// Calls `visit` for the members or elements of a value of a text that was scanned before.
pub(crate) fn each<'a>(value: &'a str, visit: impl FnMut(Option<Text<'a>>, &'a str)) {
    let scanned = scan(value, None, visit);
    debug_assert!(scanned.is_ok());
}

impl<'a> Scanner<'a, '_> {
    fn run(&mut self, visit: &mut dyn FnMut(Option<Text<'a>>, &'a str)) -> Result<&'a str, Requirement> {
        let (mut start, mut child, mut name) = (0, 0, None);
        loop {
            // A value begins here.
            self.space();
            match self.open.len() {
                0 => start = self.at,
                1 => child = self.at,
                _ => {}
            }
            let mut complete = true;
            match self.peek() {
                Some(open @ (b'{' | b'[')) => {
                    self.at += 1;
                    self.push(open == b'{')?;
                    self.space();
                    if self.peek() == Some(if open == b'{' { b'}' } else { b']' }) {
                        self.at += 1;
                        self.open.pop();
                    } else {
                        complete = false;
                        if open == b'{' {
                            self.name(&mut name)?;
                        }
                    }
                }
                Some(b'"') => {
                    let raw = self.string()?;
                    if self.found.is_some() && unescape(raw).lone_surrogate {
                        self.find(Requirement::Json9);
                    }
                }
                Some(_) => self.scalar()?,
                None => return Err(Requirement::Json2),
            }
            // Objects and arrays that end with the value end here.
            while complete {
                if self.open.len() == 1 {
                    visit(name.take(), &self.text[child..self.at]);
                }
                let Some(frame) = self.open.last() else {
                    let value = &self.text[start..self.at];
                    self.space();
                    return if self.at == self.text.len() { Ok(value) } else { Err(Requirement::Json2) };
                };
                let object = frame.object;
                self.space();
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        complete = false;
                        if object {
                            self.space();
                            self.name(&mut name)?;
                        }
                    }
                    Some(close @ (b'}' | b']')) if object == (close == b'}') => {
                        self.at += 1;
                        self.open.pop();
                    }
                    _ => return Err(Requirement::Json2),
                }
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn find(&mut self, requirement: Requirement) {
        if let Some(found) = &mut self.found
            && !found.contains(&requirement)
        {
            found.push(requirement);
        }
    }

    fn push(&mut self, object: bool) -> Result<(), Requirement> {
        if self.open.len() == MAX_DEPTH {
            return Err(Requirement::Limit4);
        }
        self.open.push(Frame { object, names: HashSet::new() });
        if self.open.len() > MAX_SAFE_DEPTH {
            self.find(Requirement::Limit1);
        }
        Ok(())
    }

    /// Reads a name and its colon. The names of the outermost object are kept for `visit`.
    fn name(&mut self, outermost: &mut Option<Text<'a>>) -> Result<(), Requirement> {
        let raw = self.string()?;
        self.space();
        if self.peek() != Some(b':') {
            return Err(Requirement::Json2);
        }
        self.at += 1;
        if self.found.is_some() {
            let text = unescape(raw);
            if text.lone_surrogate {
                self.find(Requirement::Json9);
            }
            let frame = self.open.last_mut();
            if frame.is_some_and(|frame| !frame.names.insert(text.bytes)) {
                self.find(Requirement::Json5);
            }
        }
        if self.open.len() == 1 {
            *outermost = Some(unescape(raw));
        }
        Ok(())
    }

    /// Reads a string, and returns the text between its quotes.
    fn string(&mut self) -> Result<&'a str, Requirement> {
        let bytes = self.text.as_bytes();
        if self.peek() != Some(b'"') {
            return Err(Requirement::Json2);
        }
        let start = self.at + 1;
        let mut at = start;
        loop {
            match bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => match bytes.get(at + 1) {
                    Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => at += 2,
                    Some(b'u') if bytes.get(at + 2..at + 6).is_some_and(|h| h.iter().all(u8::is_ascii_hexdigit)) => {
                        at += 6;
                    }
                    _ => return Err(Requirement::Json2),
                },
                Some(0x20..) => at += 1,
                _ => return Err(Requirement::Json2),
            }
        }
        self.at = at + 1;
        Ok(&self.text[start..at])
    }

    /// Reads a number or a literal.
    fn scalar(&mut self) -> Result<(), Requirement> {
        let rest = &self.text[self.at..];
        for literal in ["true", "false", "null"] {
            if rest.starts_with(literal) {
                self.at += literal.len();
                return Ok(());
            }
        }
        for literal in ["NaN", "Infinity", "-Infinity"] {
            if rest.starts_with(literal) {
                self.at += literal.len();
                self.find(Requirement::Json4);
                return Ok(());
            }
        }
        self.number()
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Result<(), Requirement> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let first = self.at;
        let zero = self.peek() == Some(b'0');
        let length = self.digits();
        if length == 0 || zero && length > 1 {
            return Err(Requirement::Json2);
        }
        let digits = &self.text[first..self.at];
        let mut integer = true;
        if self.peek() == Some(b'.') {
            integer = false;
            self.at += 1;
            if self.digits() == 0 {
                return Err(Requirement::Json2);
            }
        }
        if let Some(b'e' | b'E') = self.peek() {
            integer = false;
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            if self.digits() == 0 {
                return Err(Requirement::Json2);
            }
        }
        if self.found.is_some() {
            if (!integer || length > 300) && self.text[start..self.at].parse().is_ok_and(f64::is_infinite) {
                self.find(Requirement::Json6);
            }
            if integer && length > MAX_SAFE_DIGITS {
                self.find(Requirement::Json7);
            }
            if integer && (length, digits) > (16, "9007199254740991") {
                self.find(Requirement::Json8);
            }
        }
        Ok(())
    }
}
