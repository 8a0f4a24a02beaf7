//! Connections to Redis, their errors, pauses, and the way to stop.

use std::fmt;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use redis::{Client, Connection, ErrorKind, RedisResult};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The timeout of a reply. No command blocks for that long: a later reply would be lost.
const REPLY_TIMEOUT: Duration = Duration::from_secs(10);

/// Connects to Redis. The connection repeats no command.
pub(crate) fn connect(client: &Client) -> RedisResult<Connection> {
    let connection = client.get_connection_with_timeout(CONNECT_TIMEOUT)?;
    connection.set_read_timeout(Some(REPLY_TIMEOUT))?;
    connection.set_write_timeout(Some(REPLY_TIMEOUT))?;
    Ok(connection)
}

/// An error reply of Redis, or an error of the connection to Redis.
///
/// It omits the text of Redis, which may quote a message (SEC-1).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedisError {
    /// Redis replied with this error code, such as `WRONGTYPE`.
    Replied(String),
    /// Redis cannot be reached, or the connection was lost.
    Connection(String),
}

impl fmt::Display for RedisError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replied(code) => write!(f, "Redis replied {code}"),
            Self::Connection(error) => write!(f, "connection to Redis: {error}"),
        }
    }
}

impl std::error::Error for RedisError {}

impl From<redis::RedisError> for RedisError {
    fn from(error: redis::RedisError) -> Self {
        match (error.kind(), error.code()) {
            (_, Some(code)) => Self::Replied(code.to_owned()),
            (ErrorKind::Io, None) => Self::Connection(error.to_string()),
            (kind, None) => Self::Connection(format!("{kind:?}")),
        }
    }
}

/// Returns random bytes of the operating system.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system has random bytes");
    bytes
}

/// Returns a random time below `bound`.
pub(crate) fn jitter(bound: Duration) -> Duration {
    bound.mul_f64(f64::from(u32::from_le_bytes(random())) / (f64::from(u32::MAX) + 1.0))
}

/// A request to stop that threads can wait for.
#[derive(Default)]
pub(crate) struct Stop {
    requested: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    pub fn request(&self) {
        *self.requested.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    pub fn is_requested(&self) -> bool {
        *self.requested.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the request, for at most this time.
    pub fn wait(&self, time: Duration) {
        let requested = self.requested.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = self.changed.wait_timeout_while(requested, time, |requested| !*requested);
    }
}

/// A connection that is replaced after an error, with pauses.
pub(crate) struct Session<'a> {
    client: &'a Client,
    connection: Option<Connection>,
    errors: u32,
}

impl<'a> Session<'a> {
    pub fn new(client: &'a Client) -> Self {
        Self { client, connection: None, errors: 0 }
    }

    /// Runs commands over the connection, which an error ends.
    pub fn run<T>(&mut self, commands: impl FnOnce(&mut Connection) -> RedisResult<T>) -> Result<T, RedisError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect(self.client)?,
        };
        let result = commands(&mut connection)?;
        self.connection = Some(connection);
        Ok(result)
    }

    /// Pauses after an error: longer from error to error, and with jitter.
    pub fn pause(&mut self, stop: &Stop) {
        let bound = Duration::from_millis(50 << self.errors.min(7)).min(Duration::from_secs(5));
        self.errors += 1;
        stop.wait(Duration::from_millis(25) + jitter(bound));
    }

    /// Ends a series of errors.
    pub fn succeeded(&mut self) {
        self.errors = 0;
    }
}
