//! Sending (section 9).

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::event::Event;
use crate::judge::{Limits, Verdict, check_payload, judge};
use crate::requirement::{Requirement, ids};
use crate::session::{self, RedisError, random};

/// Sends events. It rejects what kills or confuses an original (*legacy-safe*). Threads can
/// share it.
///
/// ```no_run
/// use remote_event::{Event, Sender};
///
/// let sender = Sender::new(redis::Client::open("redis://localhost/")?);
/// sender.send(&Event::new("new_file_event", ["file_event"], r#"{"path": "/x"}"#))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Sender {
    client: redis::Client,
    connection: Mutex<Option<redis::Connection>>,
    limits: Limits,
}

/// The reason why an event was not sent, or may not have been sent. It has no payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendError {
    /// The message would not be safe. Nothing was sent.
    Rejected {
        /// The name of the event.
        event: String,
        /// The requirements that its message would violate.
        requirements: Vec<Requirement>,
    },
    /// Redis did not store the event: it replied with an error, or cannot be reached.
    NotStored {
        /// The name of the event.
        event: String,
        /// The error.
        source: RedisError,
    },
    /// The connection was lost. Redis may or may not have stored the event.
    Unknown {
        /// The name of the event.
        event: String,
        /// The error.
        source: RedisError,
    },
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected { event, requirements } => write!(f, "send {event:?}: rejected: {}", ids(requirements)),
            Self::NotStored { event, source } => write!(f, "send {event:?}: not stored: {source}"),
            Self::Unknown { event, source } => write!(f, "send {event:?}: unknown whether it was stored: {source}"),
        }
    }
}

impl std::error::Error for SendError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Rejected { .. } => None,
            Self::NotStored { source, .. } | Self::Unknown { source, .. } => Some(source),
        }
    }
}

impl Sender {
    /// Returns a sender. It connects when it first sends.
    pub fn new(client: redis::Client) -> Self {
        Self { client, connection: Mutex::new(None), limits: Limits::default() }
    }

    /// Sets the maximum length of a message (LIMIT-2); the default is 1 MiB.
    #[must_use]
    pub fn max_bytes(mut self, max_bytes: usize) -> Self {
        self.limits.send = max_bytes;
        self
    }

    /// Sends an event, with the attributes `id` and `time` unless it has them.
    ///
    /// # Errors
    /// See [`SendError`]. The sender repeats nothing on its own.
    pub fn send(&self, event: &Event) -> Result<(), SendError> {
        let mut event = event.clone();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        event.attributes.entry("id".into()).or_insert_with(|| uuid_v7(now));
        event.attributes.entry("time".into()).or_insert_with(|| rfc_3339(now));
        self.forward(&event)
    }

    /// Sends an event as it is, without further attributes.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub fn forward(&self, event: &Event) -> Result<(), SendError> {
        let message = encode(event, self.limits)?;
        let not_stored = |source| SendError::NotStored { event: event.name.clone(), source };
        let mut slot = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let mut connection = match slot.take() {
            Some(connection) => connection,
            None => session::connect(&self.client).map_err(|error| not_stored(error.into()))?,
        };
        match redis::cmd("LPUSH").arg(&event.name).arg(message).query::<u64>(&mut connection) {
            Ok(_) => {
                *slot = Some(connection);
                Ok(())
            }
            Err(error) => Err(match error.into() {
                source @ RedisError::Replied(_) => not_stored(source),
                source @ RedisError::Connection(_) => SendError::Unknown { event: event.name.clone(), source },
            }),
        }
    }
}

/// Encodes the message of an event.
///
/// # Errors
/// Returns [`SendError::Rejected`] if the message is not safe.
pub fn encode(event: &Event, limits: Limits) -> Result<String, SendError> {
    let reject = |requirements| SendError::Rejected { event: event.name.clone(), requirements };
    check_payload(&event.payload).map_err(|requirement| reject(vec![requirement]))?;
    let message = event.write();
    let judgement = judge(message.as_bytes(), Some(event.name.as_bytes()), limits);
    if judgement.verdict == Verdict::Safe { Ok(message) } else { Err(reject(judgement.violations())) }
}

fn uuid_v7(now: Duration) -> String {
    let mut bytes: [u8; 16] = random();
    bytes[..6].copy_from_slice(&now.as_millis().to_be_bytes()[10..]);
    bytes[6] = 0x70 | bytes[6] & 0x0F;
    bytes[8] = 0x80 | bytes[8] & 0x3F;
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

fn rfc_3339(now: Duration) -> String {
    let (seconds, millis) = (now.as_secs(), now.subsec_millis());
    // Howard Hinnant's civil_from_days, for days after 1970.
    let days = seconds / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_of_the_sender() {
        assert_eq!(rfc_3339(Duration::from_millis(951_782_400_007)), "2000-02-29T00:00:00.007Z");
        let id = uuid_v7(Duration::from_millis(0x0123_4567_89AB));
        assert!(id.starts_with("01234567-89ab-7") && id.len() == 36, "{id}");
    }
}
