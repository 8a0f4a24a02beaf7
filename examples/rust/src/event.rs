//! Events, and their types (section 6).

use std::collections::BTreeMap;
use std::fmt;

use crate::json;

/// A remote event, as senders send it and listeners receive it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The name of the event. A sender uses it as the key of the list.
    pub name: String,
    /// The signal chain: the name, the ancestors, and `remote_event` and `event`.
    pub signals: Vec<String>,
    /// The payload as JSON text, byte for byte.
    pub payload: String,
    /// The attributes of the metadata.
    pub attributes: BTreeMap<String, String>,
}

impl Event {
    /// Returns an event with these ancestors, nearest first, and a payload of JSON text.
    pub fn new<S: Into<String>>(
        name: impl Into<String>,
        ancestors: impl IntoIterator<Item = S>,
        payload: impl Into<String>,
    ) -> Self {
        let name = name.into();
        let mut signals = vec![name.clone()];
        signals.extend(ancestors.into_iter().map(Into::into));
        signals.extend(["remote_event".into(), "event".into()]);
        Self { name, signals, payload: payload.into(), attributes: BTreeMap::new() }
    }

    /// Returns the event with one more attribute.
    #[must_use]
    pub fn with_attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.insert(name.into(), value.into());
        self
    }

    /// Formats the message, unchecked, in the layout of Python's `json.dumps`.
    pub(crate) fn write(&self) -> String {
        let mut out = format!("{{\"data\": {}, \"signals\": [", self.payload.trim_matches([' ', '\t', '\n', '\r']));
        for (i, signal) in self.signals.iter().enumerate() {
            out.push_str(if i > 0 { ", " } else { "" });
            json::write_string(&mut out, signal);
        }
        out.push(']');
        for (i, (name, value)) in self.attributes.iter().enumerate() {
            out.push_str(if i > 0 { ", " } else { ", \"metadata\": {" });
            json::write_string(&mut out, name);
            out.push_str(": ");
            json::write_string(&mut out, value);
        }
        out.push_str(if self.attributes.is_empty() { "}" } else { "}}" });
        out
    }
}

/// The type of an event: its name and its parents.
///
/// ```
/// use remote_event::EventType;
///
/// let file = EventType::new("file_event", &[])?;
/// let video = EventType::new("new_video_event", &[&file])?;
/// assert_eq!(video.event("{}").signals, ["new_video_event", "file_event", "remote_event", "event"]);
/// # Ok::<(), remote_event::TypeError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventType {
    /// The name, and the ancestors without `remote_event` and `event`.
    names: Vec<String>,
}

/// The reason why a type of events is rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TypeError {
    /// An ancestor has the same name (CHAIN-3).
    Ancestor(String),
    /// The name is `event` or `remote_event` (CHAIN-4).
    Base(String),
    /// The name is a command to originals (SIG-4).
    Kernel(String),
}

impl fmt::Display for TypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ancestor(name) => write!(f, "declare {name:?}: an ancestor has this name (CHAIN-3)"),
            Self::Base(name) => write!(f, "declare {name:?}: every event has this signal (CHAIN-4)"),
            Self::Kernel(name) => write!(f, "declare {name:?}: the name commands originals (SIG-4)"),
        }
    }
}

impl std::error::Error for TypeError {}

impl EventType {
    /// Declares a type of events with these parents.
    ///
    /// # Errors
    /// The name is reserved, or an ancestor has it.
    pub fn new(name: impl Into<String>, parents: &[&Self]) -> Result<Self, TypeError> {
        let name = name.into();
        let mut names = vec![name.clone()];
        for ancestor in parents.iter().flat_map(|parent| &parent.names) {
            if *ancestor == name {
                return Err(TypeError::Ancestor(name));
            }
            if !names.contains(ancestor) {
                names.push(ancestor.clone());
            }
        }
        match name.as_str() {
            "event" | "remote_event" => Err(TypeError::Base(name)),
            _ if name.starts_with("kernel.") => Err(TypeError::Kernel(name)),
            _ => Ok(Self { names }),
        }
    }

    /// Returns an event of this type with a payload of JSON text.
    pub fn event(&self, payload: impl Into<String>) -> Event {
        Event::new(&self.names[0], &self.names[1..], payload)
    }
}
