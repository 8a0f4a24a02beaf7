//! The forms of attributes (META-5).

use std::net::Ipv6Addr;

/// Whether the attribute `name` may have this value.
pub(crate) fn is_valid(name: &str, value: &str) -> bool {
    match name {
        "id" => !value.is_empty(),
        "source" => !value.is_empty() && is_uri_reference(value, false),
        "dataschema" => is_uri_reference(value, true),
        "time" => is_time(value.as_bytes()),
        "traceparent" => is_traceparent(value),
        _ => true,
    }
}

/// RFC 3339; letters in either case; a second of 60 at any time of day.
fn is_time(value: &[u8]) -> bool {
    let number = |from: usize, to: usize, max: u32| {
        let digits = value.get(from..to)?;
        let number = digits.iter().try_fold(0, |n, b| b.is_ascii_digit().then(|| n * 10 + u32::from(b - b'0')))?;
        (number <= max).then_some(number)
    };
    let check = || {
        let (year, month, day) = (number(0, 4, 9999)?, number(5, 7, 12)?, number(8, 10, 31)?);
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            0 => return None,
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        number(11, 13, 23)?;
        number(14, 16, 59)?;
        number(17, 19, 60)?;
        let marks = [value[4], value[7], value[10].to_ascii_uppercase(), value[13], value[16]];
        let mut at = 19;
        if value.get(at) == Some(&b'.') {
            at += 1 + value[at + 1..].iter().take_while(|b| b.is_ascii_digit()).count();
            if at == 20 {
                return None;
            }
        }
        match value.get(at)? {
            b'Z' | b'z' => at += 1,
            b'+' | b'-' => {
                number(at + 1, at + 3, 23)?;
                number(at + 4, at + 6, 59)?;
                if value[at + 3] != b':' {
                    return None;
                }
                at += 6;
            }
            _ => return None,
        }
        Some((1..=days).contains(&day) && marks == *b"--T::" && at == value.len())
    };
    check().unwrap_or(false)
}

/// W3C Trace Context, with the rules of section 7.
fn is_traceparent(value: &str) -> bool {
    let parts: Vec<&str> = value.splitn(5, '-').collect();
    let hex = |text: &str, length| text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let zero = |text: &str| text.bytes().all(|b| b == b'0');
    let [version, trace, parent, flags, ..] = parts[..] else {
        return false;
    };
    hex(version, 2)
        && version != "ff"
        && hex(trace, 32)
        && !zero(trace)
        && hex(parent, 16)
        && !zero(parent)
        && hex(flags, 2)
        && (parts.len() == 4 || version != "00")
}

/// Whether `text` has only characters of RFC 3986's *unreserved* and *sub-delims*, those of
/// `more`, and percent-encodings.
fn has_only(text: &str, more: &str) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&b) = bytes.get(at) {
        if b == b'%' {
            if !bytes.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) {
                return false;
            }
            at += 2;
        } else if !b.is_ascii_alphanumeric() && !b"-._~!$&'()*+,;=".contains(&b) && !more.as_bytes().contains(&b) {
            return false;
        }
        at += 1;
    }
    true
}

/// RFC 3986: a URI reference, or a URI (with a scheme; a fragment is permitted).
fn is_uri_reference(value: &str, scheme_required: bool) -> bool {
    let (rest, fragment) = value.split_once('#').unwrap_or((value, ""));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let first_segment = rest.split('/').next().unwrap_or_default();
    let (has_scheme, rest) = match first_segment.split_once(':') {
        None => (false, rest),
        Some((scheme, _)) => {
            let letters = |b: u8| b.is_ascii_alphanumeric() || b"+-.".contains(&b);
            if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.bytes().all(letters) {
                return false;
            }
            (true, &rest[scheme.len() + 1..])
        }
    };
    let (authority, path) = match rest.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", rest),
    };
    (has_scheme || !scheme_required)
        && is_authority(authority)
        && has_only(path, ":@/")
        && has_only(query, ":@/?")
        && has_only(fragment, ":@/?")
}

fn is_authority(authority: &str) -> bool {
    let (user, host_port) = authority.split_once('@').unwrap_or(("", authority));
    let (host_valid, port) = if let Some(rest) = host_port.strip_prefix('[') {
        match rest.split_once(']') {
            Some((host, port)) => (host.parse::<Ipv6Addr>().is_ok() || is_future_address(host), port),
            None => return false,
        }
    } else {
        let (host, port) = host_port.split_at(host_port.find(':').unwrap_or(host_port.len()));
        (has_only(host, ""), port)
    };
    let port_valid =
        port.is_empty() || port.strip_prefix(':').is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
    has_only(user, ":") && host_valid && port_valid
}

/// *`IPvFuture`* of RFC 3986.
fn is_future_address(host: &str) -> bool {
    let Some((version, address)) = host.strip_prefix(['v', 'V']).and_then(|rest| rest.split_once('.')) else {
        return false;
    };
    let hex = !version.is_empty() && version.bytes().all(|b| b.is_ascii_hexdigit());
    hex && !address.is_empty() && !address.contains('%') && has_only(address, ":")
}
