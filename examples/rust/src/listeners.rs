//! Dispatch (section 11): the listeners, and how they are called.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::event::Event;
use crate::judge::decode;
use crate::requirement::{Requirement, ids};
use crate::session::RedisError;

/// The delivery of an event to one listener.
#[derive(Debug)]
pub struct Delivery<'a> {
    /// The event.
    pub event: &'a Event,
    /// The signal for which the listener is registered.
    pub signal: &'a str,
    /// The number of this attempt, from 1.
    pub attempt: u32,
    lease_lost: &'a AtomicBool,
}

impl Delivery<'_> {
    /// Reports whether a reliable receiver has lost its lease on the message: another receiver
    /// may be handling it.
    pub fn lease_lost(&self) -> bool {
        self.lease_lost.load(Ordering::Relaxed)
    }
}

/// The failure of a listener. A reliable receiver tries again.
///
/// The operator `?` makes a `Failure` of any error. It keeps only the name of the error's
/// type, since the text of an error may quote the payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub(crate) code: Code,
    pub(crate) error: String,
    pub(crate) delay: Option<Duration>,
}

/// The kind of a failure. A later one takes precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Code {
    Permanent,
    Failed,
    Panicked,
}

impl Code {
    /// Returns the code in the reason of a dead letter.
    pub fn name(self) -> &'static str {
        match self {
            Self::Permanent => "permanent",
            Self::Failed => "failed",
            Self::Panicked => "panicked",
        }
    }
}

impl Failure {
    /// Returns a failure that may not occur at the next attempt. The text is stored and logged.
    pub fn new(error: impl Into<String>) -> Self {
        Self { code: Code::Failed, error: error.into(), delay: None }
    }

    /// Returns a failure that every attempt would have: the message becomes a dead letter. The
    /// text is stored and logged.
    pub fn permanent(error: impl Into<String>) -> Self {
        Self { code: Code::Permanent, ..Self::new(error) }
    }

    /// Sets the delay of the next attempt. It replaces the delay of the receiver.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.delay = Some(delay);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.error)
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(_: E) -> Self {
        Self::new(std::any::type_name::<E>())
    }
}

/// A notice for operators. It has no payload, and displays as a line
/// for a log.
#[derive(Debug)]
#[non_exhaustive]
pub enum Notice {
    /// A malformed message was discarded, or moved to the dead letters.
    Malformed {
        /// The length of the message.
        bytes: usize,
        /// The requirements that make it malformed.
        requirements: Vec<Requirement>,
    },
    /// A listener failed.
    Failed {
        /// The name of the event.
        event: String,
        /// The failure.
        failure: Failure,
    },
    /// Redis cannot be reached, or replied with an error. The receiver continues.
    Redis(RedisError),
    /// A script moved a message to the dead letters.
    Dead {
        /// The id of the dead letter.
        id: String,
        /// The reason, as JSON.
        reason: String,
    },
    /// A message was handled, but another receiver may have handled it, too.
    LeaseLost,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { bytes, requirements } => {
                write!(f, "malformed message of {bytes} bytes: {}", ids(requirements))
            }
            Self::Failed { event, failure } => write!(f, "a listener of the event {event:?} failed: {failure}"),
            Self::Redis(error) => write!(f, "{error}; retrying"),
            Self::Dead { id, reason } => write!(f, "message {id} moved to dead letters: {reason}"),
            Self::LeaseLost => f.write_str("lease lost"),
        }
    }
}

type Listener = Arc<dyn Fn(&Delivery<'_>) -> Result<(), Failure> + Send + Sync>;
type Observer = Arc<dyn Fn(&str, &Notice) + Send + Sync>;

/// Listeners by their signals, and the observer of notices.
#[derive(Clone, Default)]
pub struct Listeners {
    by_signal: HashMap<String, Vec<Listener>>,
    observer: Option<Observer>,
}

impl Listeners {
    /// Returns no listeners.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a listener of a signal. Listeners of one signal are called in the order in which
    /// they were added. Listeners of signals that begin with `kernel.` are never called.
    #[must_use]
    pub fn listen<F>(mut self, signal: impl Into<String>, listener: F) -> Self
    where
        F: Fn(&Delivery<'_>) -> Result<(), Failure> + Send + Sync + 'static,
    {
        self.by_signal.entry(signal.into()).or_default().push(Arc::new(listener));
        self
    }

    /// Sets the observer of notices, which usually writes them to a log with the name of
    /// their queue.
    #[must_use]
    pub fn observe(mut self, observer: impl Fn(&str, &Notice) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Calls the listeners of an event, and returns their failures.
    pub fn dispatch(&self, event: &Event) -> Vec<Failure> {
        self.call(event, 1, &AtomicBool::new(false))
    }

    fn call(&self, event: &Event, attempt: u32, lease_lost: &AtomicBool) -> Vec<Failure> {
        let mut called = HashSet::new();
        let mut failures = Vec::new();
        for signal in event.signals.iter().filter(|signal| !signal.starts_with("kernel.")) {
            let Some(listeners) = self.by_signal.get(signal) else {
                continue;
            };
            if !called.insert(signal) {
                continue;
            }
            for listener in listeners {
                let delivery = Delivery { event, signal, attempt, lease_lost };
                let result = catch_unwind(AssertUnwindSafe(|| listener(&delivery)));
                let panicked = Failure { code: Code::Panicked, error: "the listener panicked".into(), delay: None };
                failures.extend(result.unwrap_or(Err(panicked)).err());
            }
        }
        failures
    }

    /// Calls the observer. A panic of the observer does not end a receiver.
    pub(crate) fn notify(&self, queue: &str, notice: &Notice) {
        if let Some(observer) = &self.observer {
            let _ = catch_unwind(AssertUnwindSafe(|| observer(queue, notice)));
        }
    }

    /// Decodes a message of a queue, and calls its listeners. It returns their failures, or
    /// the requirements that make the message malformed.
    pub(crate) fn deliver(
        &self,
        queue: &str,
        message: &[u8],
        max_bytes: usize,
        attempt: u32,
        lease_lost: &AtomicBool,
    ) -> Result<Vec<Failure>, Vec<Requirement>> {
        let event = decode(message, max_bytes).inspect_err(|requirements| {
            let requirements = requirements.clone();
            self.notify(queue, &Notice::Malformed { bytes: message.len(), requirements });
        })?;
        let failures = self.call(&event, attempt, lease_lost);
        for failure in &failures {
            let (event, failure) = (event.name.clone(), failure.clone());
            self.notify(queue, &Notice::Failed { event, failure });
        }
        Ok(failures)
    }
}
