//! The verdicts on a message (sections 3 to 8).

use std::collections::{BTreeMap, HashSet};

use crate::event::Event;
use crate::requirement::{Requirement, Severity};
use crate::{attributes, json};

/// A requirement that a message violates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Finding {
    /// The violated requirement.
    pub requirement: Requirement,
    /// The severity of the violation.
    pub severity: Severity,
}

/// The verdict of the specification on a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Senders may send it, and receivers deliver it.
    Safe,
    /// Senders must not send it; receivers deliver it.
    Tolerated,
    /// Senders must not send it, and receivers do not deliver it.
    Malformed,
}

/// The predicted behaviour of an original receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Legacy {
    /// It calls its listeners.
    Delivers,
    /// It discards the message silently.
    Drops,
    /// It stops serving the queue.
    Dies,
}

/// The result of [`judge`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict of the specification.
    pub verdict: Verdict,
    /// The prediction for an original.
    pub legacy: Legacy,
    /// The violated requirements, in the order in which they were found.
    pub findings: Vec<Finding>,
    /// The event that a receiver delivers, unless the message is malformed.
    pub event: Option<Event>,
}

impl Judgement {
    /// Returns the requirements that make the message malformed, or otherwise those that make
    /// it worse than safe.
    pub fn violations(&self) -> Vec<Requirement> {
        violations(self.verdict, &self.findings)
    }
}

fn violations(verdict: Verdict, findings: &[Finding]) -> Vec<Requirement> {
    let least = if verdict == Verdict::Malformed { Severity::Malformed } else { Severity::Tolerated };
    findings.iter().filter(|f| f.severity >= least).map(|f| f.requirement).collect()
}

/// The configurable limits of section 8, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The length of a message that a sender may send (LIMIT-2).
    pub send: usize,
    /// The length of a message that a receiver takes (LIMIT-3).
    pub receive: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { send: 1 << 20, receive: 64 << 20 }
    }
}

/// Validates a raw message in the list `key`, or in an unknown list.
pub fn judge(message: &[u8], key: Option<&[u8]>, limits: Limits) -> Judgement {
    let mut judge = Judge::default();
    if message.len() > limits.receive {
        judge.find(Requirement::Limit3);
    } else if message.len() > limits.send {
        judge.find(Requirement::Limit2);
    }
    judge.read(message, key)
}

/// Decodes a message as a receiver does.
///
/// # Errors
/// Returns the requirements that make the message malformed.
pub fn decode(message: &[u8], max_bytes: usize) -> Result<Event, Vec<Requirement>> {
    if message.len() > max_bytes {
        return Err(vec![Requirement::Limit3]);
    }
    let Judgement { verdict, findings, event, .. } = Judge::default().read(message, None);
    event.ok_or_else(|| violations(verdict, &findings))
}

/// Checks a payload apart from its message (SEND-7).
pub(crate) fn check_payload(payload: &str) -> Result<(), Requirement> {
    match json::scan(payload, None, |_, _| ())? {
        object if object.starts_with('{') => Ok(()),
        _ => Err(Requirement::Wire1),
    }
}

#[derive(Default)]
struct Judge {
    findings: Vec<Finding>,
}

impl Judge {
    fn find(&mut self, requirement: Requirement) {
        self.find_as(requirement, requirement.severity());
    }

    fn find_as(&mut self, requirement: Requirement, severity: Severity) {
        if !self.has(requirement) {
            self.findings.push(Finding { requirement, severity });
        }
    }

    fn find_if(&mut self, condition: bool, requirement: Requirement) {
        if condition {
            self.find(requirement);
        }
    }

    fn has(&self, requirement: Requirement) -> bool {
        self.findings.iter().any(|f| f.requirement == requirement)
    }

    /// Returns the judgement on a message that cannot be parsed.
    fn unreadable(mut self, requirement: Requirement) -> Judgement {
        self.find(requirement);
        self.conclude(Legacy::Dies, None)
    }

    fn conclude(self, legacy: Legacy, event: Option<Event>) -> Judgement {
        let verdict = match self.findings.iter().map(|f| f.severity).max() {
            Some(Severity::Malformed) => Verdict::Malformed,
            Some(Severity::Tolerated) => Verdict::Tolerated,
            Some(Severity::Warning) | None => Verdict::Safe,
        };
        let event = event.filter(|_| verdict != Verdict::Malformed);
        Judgement { verdict, legacy, findings: self.findings, event }
    }

    fn read(mut self, message: &[u8], key: Option<&[u8]>) -> Judgement {
        let text = match std::str::from_utf8(message) {
            Ok(text) if !text.starts_with('\u{FEFF}') => text,
            _ => return self.unreadable(Requirement::Json1),
        };
        let (mut data, mut signals, mut metadata, mut unknown) = (None, None, None, false);
        let mut found = Vec::new();
        let scanned = json::scan(text, Some(&mut found), |name, value| match name.as_ref().map(|name| &*name.bytes) {
            Some(b"data") => data = Some(value),
            Some(b"signals") => signals = Some(value),
            Some(b"metadata") => metadata = Some(value),
            _ => unknown = true,
        });
        for requirement in found {
            self.find(requirement);
        }
        match scanned {
            Ok(object) if object.starts_with('{') => {}
            Ok(_) => return self.unreadable(Requirement::Json3),
            Err(requirement) => return self.unreadable(requirement),
        }
        self.find_if(unknown, Requirement::Wire4);
        let data = data.filter(|value| value.starts_with('{'));
        self.find_if(data.is_none(), Requirement::Wire1);
        let poisonous = data.is_some_and(|data| self.check_data(data));
        let strings = self.read_signals(signals, key);
        let attributes = metadata.map(|metadata| self.read_metadata(metadata)).unwrap_or_default();
        let legacy = self.legacy(signals, &strings, poisonous, key);
        let event = data.zip(strings.first().cloned()).map(|(payload, name)| Event {
            name,
            signals: strings,
            payload: payload.to_owned(),
            attributes,
        });
        self.conclude(legacy, event)
    }

    /// Checks the names of the payload (WIRE-5), and returns whether one kills originals.
    fn check_data(&mut self, data: &str) -> bool {
        let (mut reserved, mut poisonous) = (false, false);
        json::each(data, |name, _| match name.as_ref().map(|name| &*name.bytes) {
            Some(b"_signals" | b"_propagated") => reserved = true,
            Some(b"__func__" | b"im_func") => poisonous = true,
            _ => {}
        });
        self.find_if(reserved || poisonous, Requirement::Wire5);
        poisonous
    }

    /// Reads and checks `signals`. An element that is not a string is left out.
    fn read_signals(&mut self, signals: Option<&str>, key: Option<&[u8]>) -> Vec<String> {
        let (mut elements, mut nested) = (Vec::new(), false);
        if let Some(array) = signals.filter(|value| value.starts_with('[')) {
            json::each(array, |_, value| {
                nested |= value.starts_with(['{', '[']);
                elements.push(json::string(value).and_then(json::Text::into_string));
            });
        }
        if nested {
            self.find_as(Requirement::Wire3, Severity::Malformed);
        } else if elements.contains(&None) {
            self.find(Requirement::Wire3);
        }
        let Some(name) = elements.iter().flatten().next() else {
            self.find(Requirement::Wire2);
            return Vec::new();
        };
        let first = elements[0].as_ref().map(String::as_bytes);
        let wrong_name = first != Some(key.unwrap_or(name.as_bytes()));
        let base = ["remote_event", "event"].map(|name| Some(name.to_owned()));
        let mut seen = HashSet::new();
        let repeated = elements.iter().flatten().any(|signal| !seen.insert(signal));
        let commanding = elements.iter().flatten().any(|signal| signal.starts_with("kernel."));
        self.find_if(wrong_name, Requirement::Sig1);
        self.find_if(elements.len() < 3 || !elements.ends_with(&base), Requirement::Sig2);
        self.find_if(repeated, Requirement::Sig3);
        self.find_if(commanding, Requirement::Sig4);
        elements.into_iter().flatten().collect()
    }

    /// Reads and checks `metadata` by the table of section 7.
    fn read_metadata(&mut self, metadata: &str) -> BTreeMap<String, String> {
        let mut attributes = BTreeMap::new();
        if !metadata.starts_with('{') {
            self.find(Requirement::Meta1);
            return attributes;
        }
        let mut members = BTreeMap::new();
        json::each(metadata, |name, value| {
            members.insert(name.and_then(json::Text::into_string), value);
        });
        self.find_if(members.is_empty(), Requirement::Meta4);
        for (name, value) in members {
            let valid = |name: &String| {
                !name.is_empty() && name != "signals" && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9'))
            };
            match (name.filter(valid), json::string(value).and_then(json::Text::into_string)) {
                (None, _) => self.find(Requirement::Meta2),
                (_, None) => self.find(Requirement::Meta3),
                (Some(name), Some(value)) => {
                    self.find_if(!attributes::is_valid(&name, &value), Requirement::Meta5);
                    attributes.insert(name, value);
                }
            }
        }
        attributes
    }

    /// Predicts the behaviour of an original (VERDICT-3).
    fn legacy(&self, signals: Option<&str>, strings: &[String], poisonous: bool, key: Option<&[u8]>) -> Legacy {
        let deadly = [Requirement::Json7, Requirement::Limit1, Requirement::Wire1];
        if poisonous || deadly.into_iter().any(|requirement| self.has(requirement)) {
            return Legacy::Dies;
        }
        let (mut commanded, mut listened) = (false, false);
        let mut hear = |signal: &[u8]| {
            commanded |= matches!(signal, b"kernel.kernel_shutdown" | b"kernel.configuration_ready");
            listened |= key.is_none_or(|key| signal == key);
        };
        match signals.map(|value| (value, value.as_bytes()[0])) {
            Some((_, b'[')) if self.found_nested() => return Legacy::Dies,
            Some((_, b'[')) => strings.iter().for_each(|signal| hear(signal.as_bytes())),
            Some((names, b'{')) => json::each(names, |name, _| name.iter().for_each(|name| hear(&name.bytes))),
            Some((value, b'"')) => {
                let characters = json::string(value).map(|text| text.bytes).unwrap_or_default();
                characters.chunk_by(|_, next| next & 0xC0 == 0x80).for_each(hear);
            }
            _ => return Legacy::Dies,
        }
        match (commanded, listened) {
            (true, _) => Legacy::Dies,
            (false, true) => Legacy::Delivers,
            (false, false) => Legacy::Drops,
        }
    }

    /// Whether an element of `signals` is an object or an array.
    fn found_nested(&self) -> bool {
        self.findings.contains(&Finding { requirement: Requirement::Wire3, severity: Severity::Malformed })
    }
}
