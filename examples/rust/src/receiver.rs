//! Receiving at most once (section 10), and the common parts of all receivers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;

use redis::Client;

use crate::judge::Limits;
use crate::listeners::{Listeners, Notice};
use crate::session::{Session, Stop};

/// Receives events at most once, as originals do: a crash loses the message that is being
/// handled.
///
/// ```no_run
/// use remote_event::{Listeners, Receiver};
///
/// let listeners = Listeners::new()
///     .listen("new_file_event", |delivery| {
///         println!("{}", delivery.event.payload);
///         Ok(())
///     })
///     .observe(|queue, notice| eprintln!("{queue}: {notice}"));
/// let running = Receiver::new(redis::Client::open("redis://localhost/")?, listeners).start(["new_file_event"]);
/// // …
/// running.stop();
/// # Ok::<(), redis::RedisError>(())
/// ```
pub struct Receiver {
    client: Client,
    listeners: Listeners,
    max_bytes: usize,
}

impl Receiver {
    /// Returns a receiver with these listeners.
    pub fn new(client: Client, listeners: Listeners) -> Self {
        Self { client, listeners, max_bytes: Limits::default().receive }
    }

    /// Sets the maximum length of a message (LIMIT-3); the default is 64 MiB.
    #[must_use]
    pub fn max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// Consumes these queues, each in a thread with a connection of its own. Listeners are
    /// called in these threads.
    pub fn start<Q: Into<Vec<u8>>>(self, queues: impl IntoIterator<Item = Q>) -> Running {
        let mut running = Running::default();
        let receiver = Arc::new(self);
        for queue in queues.into_iter().map(Into::into).collect::<BTreeSet<Vec<u8>>>() {
            let (receiver, stop) = (Arc::clone(&receiver), Arc::clone(&running.stop));
            running.threads.push(std::thread::spawn(move || receiver.consume(&queue, &stop)));
        }
        running
    }

    fn consume(&self, queue: &[u8], stop: &Stop) {
        let name = String::from_utf8_lossy(queue);
        let mut session = Session::new(&self.client);
        while !stop.is_requested() {
            // The pop is never interrupted: its message would be lost.
            let popped = session.run(|connection| {
                redis::cmd("BRPOP").arg(queue).arg(1).query::<Option<(Vec<u8>, Vec<u8>)>>(connection)
            });
            match popped {
                Ok(message) => {
                    session.succeeded();
                    if let Some((_, message)) = message {
                        let _ = self.listeners.deliver(&name, &message, self.max_bytes, 1, &AtomicBool::new(false));
                    }
                }
                Err(error) => {
                    self.listeners.notify(&name, &Notice::Redis(error));
                    session.pause(stop);
                }
            }
        }
    }
}

/// A running receiver. Dropping it stops the receiver as [`Self::stop`] does.
#[derive(Default)]
#[must_use = "a receiver stops when it is dropped"]
pub struct Running {
    pub(crate) stop: Arc<Stop>,
    pub(crate) threads: Vec<JoinHandle<()>>,
}

impl Running {
    /// Stops the receiver, and waits until every message that it has taken is handled. That
    /// takes about a second, and the time of the listeners.
    pub fn stop(self) {}
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.request();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
