//! Receiving at least once (the chapter on reliable delivery).

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redis::{Client, Connection, Value, from_redis_value};

use crate::json;
use crate::judge::Limits;
use crate::keys::{Keys, ReservedName};
use crate::listeners::{Code, Failure, Listeners, Notice};
use crate::receiver::Running;
use crate::requirement::ids;
use crate::scripts::{EXCHANGE, EXTEND, Exchanged, Message, RELEASE, is_fresh, is_suspect};
use crate::session::{RedisError, Session, Stop, jitter, random};

/// The longest delay of a retry, which REL-21 recommends.
const MAX_RETRY: Duration = Duration::from_secs(600);

/// Receives events at least once. A message whose listener fails is tried again, and becomes
/// a dead letter after its last attempt. A crash loses nothing, but listeners may be called
/// again for a message that they have handled: make them idempotent.
pub struct ReliableReceiver {
    client: Client,
    listeners: Listeners,
    max_bytes: usize,
    lease: Duration,
    first_retry: Duration,
    max_attempts: u32,
    max_suspect_attempts: u32,
    held: Mutex<HashMap<String, Held>>,
}

/// A claim whose message is being handled.
struct Held {
    keys: Arc<Keys>,
    expires: Instant,
    lost: Arc<AtomicBool>,
}

/// The outcome of a message, for the next call of `exchange`.
struct Report {
    claim: String,
    /// The delay in milliseconds, or -1, and the reason. Without it, the message was handled.
    nack: Option<(i64, String)>,
    /// Whether a call with this report has failed before.
    repeated: bool,
}

/// The permit to handle a suspect, one for the whole process (REL-40).
struct SuspectPermit;

static SUSPECT: AtomicBool = AtomicBool::new(false);

impl SuspectPermit {
    fn acquire() -> Option<Self> {
        (!SUSPECT.swap(true, Ordering::AcqRel)).then_some(Self)
    }
}

impl Drop for SuspectPermit {
    fn drop(&mut self) {
        SUSPECT.store(false, Ordering::Release);
    }
}

impl ReliableReceiver {
    /// Returns a receiver with these listeners.
    pub fn new(client: Client, listeners: Listeners) -> Self {
        Self {
            client,
            listeners,
            max_bytes: Limits::default().receive,
            lease: Duration::from_secs(30),
            first_retry: Duration::from_secs(1),
            max_attempts: 25,
            max_suspect_attempts: 5,
            held: Mutex::default(),
        }
    }

    /// Sets the maximum length of a message (LIMIT-3); the default is 64 MiB. Longer messages
    /// become dead letters.
    #[must_use]
    pub fn max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// Sets the time after which another receiver gets the message of a crashed one; the
    /// default is 30 seconds, and the minimum is 100 milliseconds. A longer lease delays
    /// recovery. A shorter lease may be lost while Redis is slow.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease.max(Duration::from_millis(100));
        self
    }

    /// Sets the longest delay of the first retry; the default is 1 second. It doubles with
    /// each attempt, up to 10 minutes.
    #[must_use]
    pub fn first_retry(mut self, delay: Duration) -> Self {
        self.first_retry = delay;
        self
    }

    /// Sets the number of attempts after which a message whose listeners fail becomes a dead
    /// letter (REL-22); the default is 25.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }

    /// Sets the number of attempts after which a message that seems to kill its receivers
    /// becomes a dead letter (REL-39); the default is 5.
    #[must_use]
    pub fn max_suspect_attempts(mut self, attempts: u32) -> Self {
        self.max_suspect_attempts = attempts.max(1);
        self
    }

    /// Consumes these queues, each in a thread with a connection of its own. Listeners are
    /// called in these threads. One more thread extends the leases.
    ///
    /// # Errors
    /// The name of a queue is reserved.
    pub fn start<Q: Into<Vec<u8>>>(self, queues: impl IntoIterator<Item = Q>) -> Result<Running, ReservedName> {
        let queues: BTreeSet<Vec<u8>> = queues.into_iter().map(Into::into).collect();
        let queues = queues.into_iter().map(|queue| Keys::new(queue).map(Arc::new)).collect::<Result<Vec<_>, _>>()?;
        let mut running = Running::default();
        let stop = Arc::clone(&running.stop);
        running.threads.push(std::thread::spawn(move || {
            let handled = Stop::default();
            std::thread::scope(|scope| {
                let consumers: Vec<_> = queues.iter().map(|keys| scope.spawn(|| self.consume(keys, &stop))).collect();
                scope.spawn(|| self.extend_leases(&handled));
                for consumer in consumers {
                    let _ = consumer.join();
                }
                handled.request();
            });
        }));
        Ok(running)
    }

    fn consume(&self, keys: &Arc<Keys>, stop: &Stop) {
        let queue = String::from_utf8_lossy(keys.queue());
        let mut session = Session::new(&self.client);
        let mut report = None;
        let mut turn = 0u64;
        while !stop.is_requested() {
            turn += 1;
            match self.turn(&queue, keys, &mut session, turn.is_multiple_of(8), &mut report) {
                Ok(()) => session.succeeded(),
                Err(error) => {
                    self.listeners.notify(&queue, &Notice::Redis(error));
                    session.pause(stop);
                }
            }
        }
        self.finish(&queue, keys, &mut session, report);
    }

    /// Reports the last message, claims the next one, and handles it, or waits for it. `failed`
    /// is whether it is a turn of failed messages (REL-41).
    fn turn(
        &self,
        queue: &str,
        keys: &Arc<Keys>,
        session: &mut Session<'_>,
        failed: bool,
        report: &mut Option<Report>,
    ) -> Result<(), RedisError> {
        let permitted = !failed || random::<1>()[0] < 128; // REL-45
        let permit = permitted.then(SuspectPermit::acquire).flatten();
        let claim = [permit.is_some(), failed].map(|flag| if flag { "1" } else { "0" });
        let exchanged = self.exchange(queue, keys, session, report, Some(claim))?;
        let suspect = |message: &Message| is_suspect(&message.claim);
        let _permit = permit.filter(|_| exchanged.message.as_ref().is_some_and(suspect));
        if let Some(message) = exchanged.message {
            *report = Some(self.handle(queue, keys, message));
        } else if exchanged.wait != 0 {
            let millis = u64::try_from(exchanged.wait).map_or(1000, |wait| wait.min(1000));
            let mut wait = redis::cmd("BLMOVE");
            wait.arg(keys.queue()).arg(keys.staging()).arg("RIGHT").arg("LEFT");
            wait.arg(Duration::from_millis(millis).as_secs_f64());
            session.run(|connection| wait.query::<Value>(connection))?;
        }
        Ok(())
    }

    /// Reports the last message, and returns a staged one to the queue.
    fn finish(&self, queue: &str, keys: &Keys, session: &mut Session<'_>, mut report: Option<Report>) {
        session.succeeded();
        let release = |connection: &mut Connection| loop {
            let reply: Vec<Value> = from_redis_value(RELEASE.call(connection, keys, &["0".into()])?)?;
            if reply.first() == Some(&Value::Int(0)) {
                return Ok(());
            }
        };
        for _ in 0..5 {
            let exchanged = self.exchange(queue, keys, session, &mut report, None);
            match exchanged.and_then(|_| session.run(release)) {
                Ok(()) => return,
                Err(error) => self.listeners.notify(queue, &Notice::Redis(error)),
            }
            session.pause(&Stop::default());
        }
    }

    /// Calls `exchange` with the report, and removes it. `claim` has the last two arguments;
    /// without it, nothing is claimed.
    fn exchange(
        &self,
        queue: &str,
        keys: &Keys,
        session: &mut Session<'_>,
        report: &mut Option<Report>,
        claim: Option<[&str; 2]>,
    ) -> Result<Exchanged, RedisError> {
        let mut arguments: Vec<String> = ["0", "0"].map(String::from).into();
        arguments.extend(report.as_ref().map_or(["0"; 3].map(String::from).into(), Report::arguments));
        if let Some([suspect, failed]) = claim {
            let limits = [self.lease.as_millis(), 1, 1 << 20, self.max_bytes as u128, self.max_suspect_attempts.into()];
            arguments.push(token());
            arguments.extend(limits.map(|limit| limit.to_string()));
            arguments.extend([suspect, failed].map(String::from));
        }
        let repeated = report.as_mut().is_some_and(|report| std::mem::replace(&mut report.repeated, true));
        let exchanged = session.run(|connection| Exchanged::parse(EXCHANGE.call(connection, keys, &arguments)?))?;
        *report = None;
        if exchanged.lost && !repeated {
            self.listeners.notify(queue, &Notice::LeaseLost);
        }
        for (id, reason) in &exchanged.dead {
            self.listeners.notify(queue, &Notice::Dead { id: id.clone(), reason: reason.clone() });
        }
        Ok(exchanged)
    }

    fn handle(&self, queue: &str, keys: &Arc<Keys>, message: Message) -> Report {
        let Message { claim, attempt, body } = message;
        let lost = Arc::new(AtomicBool::new(false));
        let held = Held { keys: Arc::clone(keys), expires: Instant::now() + self.lease, lost: Arc::clone(&lost) };
        self.lock_held().insert(claim.clone(), held);
        let failures = self.listeners.deliver(queue, &body, self.max_bytes, attempt, &lost);
        self.lock_held().remove(&claim);
        let nack = match failures {
            Ok(failures) => self.nack(&failures, attempt),
            Err(requirements) => Some((-1, reason("malformed", &ids(&requirements)))),
        };
        Report { claim, nack, repeated: false }
    }

    /// Returns the delay and the reason for a message whose listeners failed.
    fn nack(&self, failures: &[Failure], attempt: u32) -> Option<(i64, String)> {
        let worst = failures.iter().min_by_key(|failure| Reverse(failure.code))?;
        let delay = if worst.code == Code::Permanent || attempt >= self.max_attempts {
            -1
        } else {
            let own = || {
                let doubled = self.first_retry.saturating_mul(1 << attempt.saturating_sub(1).min(20));
                let bound = doubled.min(MAX_RETRY.max(self.first_retry));
                bound / 2 + jitter(bound / 2)
            };
            let delay = failures.iter().filter_map(|failure| failure.delay).max().unwrap_or_else(own);
            i64::try_from(delay.as_millis()).unwrap_or(i64::MAX)
        };
        Some((delay, reason(worst.code.name(), &worst.error)))
    }

    fn lock_held(&self) -> MutexGuard<'_, HashMap<String, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Extends the lease of every claim that is held, three times in its length.
    fn extend_leases(&self, stop: &Stop) {
        let mut session = Session::new(&self.client);
        while !stop.is_requested() {
            let claims: Vec<_> =
                self.lock_held().iter().map(|(claim, held)| (claim.clone(), Arc::clone(&held.keys))).collect();
            let mut failed = false;
            for (claim, keys) in claims {
                let arguments = [self.lease.as_millis().to_string(), claim.clone()];
                let now = Instant::now();
                let reply = session.run(|connection| EXTEND.call(connection, &keys, &arguments));
                if let Some(held) = self.lock_held().get_mut(&claim) {
                    match &reply {
                        Ok(Value::Array(lost)) if lost.is_empty() => held.expires = now + self.lease,
                        Ok(_) => held.lost.store(true, Ordering::Relaxed),
                        Err(_) => _ = held.lost.fetch_or(Instant::now() > held.expires, Ordering::Relaxed),
                    }
                }
                if let Err(error) = reply {
                    failed = true;
                    self.listeners.notify(&String::from_utf8_lossy(keys.queue()), &Notice::Redis(error));
                }
            }
            if failed {
                session.pause(stop);
            } else {
                session.succeeded();
                stop.wait(self.lease / 3);
            }
        }
    }
}

impl Report {
    /// Returns the arguments of `exchange` from the number of acknowledgements to the ended
    /// claims.
    fn arguments(&self) -> Vec<String> {
        let fresh = is_fresh(&self.claim);
        let ended = if fresh { "1" } else { "0" };
        let mut arguments = match &self.nack {
            None => ["1", "0", ended, &self.claim, "1001", "1001"].map(String::from).to_vec(),
            Some((delay, reason)) => {
                ["0", "1", ended, &self.claim, "1001", &delay.to_string(), reason].map(String::from).to_vec()
            }
        };
        arguments.extend(fresh.then(|| self.claim.clone()));
        arguments
    }
}

/// Returns 128 random bits in base64url without padding (REL-6).
fn token() -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits = u128::from_be_bytes(random());
    let digit = |shift: i32| (if shift < 0 { bits << -shift } else { bits >> shift }) & 63;
    (0..22).map(|i| char::from(ALPHABET[usize::try_from(digit(122 - 6 * i)).unwrap_or_default()])).collect()
}

/// Returns a reason of at most 16 KiB (REL-25).
fn reason(code: &str, error: &str) -> String {
    let mut error = error.to_owned();
    loop {
        let mut reason = format!("{{\"code\":\"{code}\"");
        if !error.is_empty() {
            reason.push_str(",\"error\":");
            json::write_string(&mut reason, &error);
        }
        reason.push('}');
        let excess = reason.len().saturating_sub(16 << 10);
        if excess == 0 {
            return reason;
        }
        for _ in 0..=excess / 12 {
            error.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_reasons_are_cut() {
        assert_eq!(reason("failed", "\"é"), r#"{"code":"failed","error":"\"\u00e9"}"#);
        assert_eq!(reason("failed", ""), r#"{"code":"failed"}"#);
        let length = reason("failed", &"😀x".repeat(9000)).len();
        assert!((16_300..=16_384).contains(&length), "{length}");
    }

    #[test]
    fn tokens_are_base64url() {
        let token = token();
        assert_eq!(token.len(), 22);
        assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
        assert!("AQgw".contains(&token[21..]), "the last character has two bits: {token}");
    }
}
