//! Companion keys (section 2 of the chapter on reliable delivery).

use std::fmt;

/// A queue has a reserved name (REL-2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReservedName;

impl fmt::Display for ReservedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a queue must not begin with remote-event:v1: (REL-2)")
    }
}

impl std::error::Error for ReservedName {}

const PREFIX: &[u8] = b"remote-event:v1:";
const KINDS: [&str; 9] = ["staging", "bodies", "claims", "retries", "suspects", "dead", "attempts", "reasons", "seen"];

/// The keys of a queue: the queue itself, and its nine companion keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    tag: Vec<u8>,
    keys: Vec<Vec<u8>>,
}

impl Keys {
    /// Derives the companion keys of a queue.
    ///
    /// # Errors
    /// The name of the queue is reserved.
    pub fn new(queue: impl Into<Vec<u8>>) -> Result<Self, ReservedName> {
        let queue = queue.into();
        if queue.starts_with(PREFIX) {
            return Err(ReservedName);
        }
        let tag = match own_tag(&queue) {
            Some(tag) => tag.to_vec(),
            None if !queue.is_empty() && !queue.contains(&b'}') => queue.clone(),
            None => {
                let slot = slot(&queue);
                let mut numbers = (0..).map(|n: u32| n.to_string().into_bytes());
                numbers.find(|number| crc16(number) % 16384 == slot).expect("every slot has a number")
            }
        };
        let companion = |kind: &str| [PREFIX, b"{", &tag, b"}:", kind.as_bytes(), b":", &queue].concat();
        let companions = KINDS.map(companion);
        let keys = std::iter::once(queue).chain(companions).collect();
        Ok(Self { tag, keys })
    }

    /// Returns the hash tag of the companion keys.
    pub fn tag(&self) -> &[u8] {
        &self.tag
    }

    /// Returns the hash slot of all keys in a cluster.
    pub fn slot(&self) -> u16 {
        slot(&self.keys[0])
    }

    /// Returns the `KEYS` of the scripts: the queue, and the companion keys in the order of
    /// the chapter.
    pub fn as_slice(&self) -> &[Vec<u8>] {
        &self.keys
    }

    pub(crate) fn queue(&self) -> &[u8] {
        &self.keys[0]
    }

    pub(crate) fn staging(&self) -> &[u8] {
        &self.keys[1]
    }
}

/// Returns the hash tag of a key, if it has one.
fn own_tag(key: &[u8]) -> Option<&[u8]> {
    let rest = &key[key.iter().position(|&b| b == b'{')? + 1..];
    let tag = &rest[..rest.iter().position(|&b| b == b'}')?];
    (!tag.is_empty()).then_some(tag)
}

fn slot(key: &[u8]) -> u16 {
    crc16(own_tag(key).unwrap_or(key)) % 16384
}

/// CRC-16/XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &b| {
        (0..8).fold(crc ^ u16::from(b) << 8, |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 })
    })
}
