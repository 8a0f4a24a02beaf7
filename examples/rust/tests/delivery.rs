//! Senders and receivers with a Redis server: `REMOTE_EVENT_REDIS_SERVER`, or the one in `PATH`.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver as Channel, channel};
use std::time::{Duration, Instant};

use remote_event::{Delivery, Event, Failure, Keys, Listeners, Receiver, ReliableReceiver, SendError, Sender};

/// The maximum time of a wait on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server on a unix socket, which ends with the value.
struct Server {
    process: Child,
    dir: PathBuf,
    client: redis::Client,
    connection: redis::Connection,
}

impl Server {
    fn start() -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let name = format!("remote-event-{}-{}", std::process::id(), STARTED.fetch_add(1, Ordering::Relaxed));
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir(&dir).unwrap();
        let socket = dir.join("socket");
        let program = std::env::var_os("REMOTE_EVENT_REDIS_SERVER").unwrap_or("redis-server".into());
        let mut command = Command::new(program);
        command.args(["--port", "0", "--save", "", "--unixsocket"]).arg(&socket).current_dir(&dir);
        let process = command.stdout(Stdio::null()).spawn().unwrap();
        let client = redis::Client::open(format!("unix://{}", socket.display())).unwrap();
        let connection = eventually("the server starts", || client.get_connection().ok());
        Self { process, dir, client, connection }
    }

    fn run<T: redis::FromRedisValue>(&mut self, command: &str) -> T {
        let mut words = command.split(' ');
        redis::cmd(words.next().unwrap()).arg(words.collect::<Vec<_>>()).query(&mut self.connection).unwrap()
    }

    fn keys(&mut self) -> Vec<String> {
        self.run("KEYS *")
    }

    /// Waits for a dead letter of the queue q, and returns its bytes and its reason.
    fn dead_letter(&mut self) -> (Vec<u8>, String) {
        let keys = Keys::new("q").unwrap();
        let [bodies, dead, reasons] = [2, 6, 8].map(|i| String::from_utf8(keys.as_slice()[i].clone()).unwrap());
        let id = eventually("a dead letter", || self.run::<Vec<String>>(&format!("ZRANGE {dead} 0 -1")).pop());
        (self.run(&format!("HGET {bodies} {id}")), self.run(&format!("HGET {reasons} {id}")))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Waits for a condition that Redis does not report.
fn eventually<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = probe() {
            return value;
        }
        assert!(Instant::now() < end, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn event(payload: &str) -> Event {
    Event::new("q", ["p"], payload)
}

/// Returns listeners. The listener of `p` reports the payload and the attempt, and then
/// calls `listener`.
fn listeners<F>(listener: F) -> (Listeners, Channel<(String, u32)>)
where
    F: Fn(&Delivery<'_>) -> Result<(), Failure> + Send + Sync + 'static,
{
    let (sender, calls) = channel();
    let listeners = Listeners::new().observe(|_, notice| eprintln!("{notice}")).listen("p", move |delivery| {
        sender.send((delivery.event.payload.clone(), delivery.attempt))?;
        listener(delivery)
    });
    (listeners, calls)
}

#[test]
fn a_plain_receiver_survives_panics_and_malformed_messages() {
    let mut server = Server::start();
    let (listeners, calls) = listeners(|_| panic!("as the test wants"));
    let listeners = listeners.observe(|_, _| panic!("as the test wants"));
    let running = Receiver::new(server.client.clone(), listeners).start(["q", "q"]);
    let sender = Sender::new(server.client.clone());
    server.run::<()>("LPUSH q malformed");
    for payload in ["{\"n\": 1}", "{\"n\": 2}"] {
        sender.send(&event(payload)).unwrap();
        assert_eq!(calls.recv_timeout(PATIENCE).unwrap(), (payload.into(), 1));
    }
    running.stop();
    assert_eq!(server.keys(), [""; 0]);
}

#[test]
fn a_sender_distinguishes_outcomes() {
    let mut server = Server::start();
    let sender = Sender::new(server.client.clone());
    let rejected = sender.send(&event("{\"secret\": NaN}")).unwrap_err();
    assert_eq!(rejected.to_string(), "send \"q\": rejected: JSON-4");

    server.run::<()>("SET q text");
    let not_stored = sender.send(&event("{}")).unwrap_err();
    assert_eq!(not_stored.to_string(), "send \"q\": not stored: Redis replied WRONGTYPE");
    server.run::<()>("DEL q");

    server.run::<()>("CLIENT PAUSE 600000 WRITE");
    std::thread::scope(|scope| {
        let outcome = scope.spawn(|| sender.send(&event("{}")));
        eventually("the event is written", || server.run::<String>("CLIENT LIST").contains("cmd=lpush").then_some(()));
        server.run::<()>("CLIENT KILL TYPE normal");
        assert!(matches!(outcome.join().unwrap(), Err(SendError::Unknown { .. })));
    });
    server.run::<()>("CLIENT UNPAUSE");
    sender.send(&event("{}")).unwrap();
    drop(server);
    sender.send(&event("{}")).unwrap_err();
    assert!(matches!(sender.send(&event("{}")), Err(SendError::NotStored { .. })));
}

#[test]
fn a_reliable_receiver_retries() {
    let mut server = Server::start();
    let (listeners, calls) = listeners(|delivery| match (delivery.attempt, delivery.event.payload.as_str()) {
        (1, _) => Err(Failure::new("once").retry_after(Duration::from_millis(1))),
        (2, "{\"panic\": 1}") => panic!("as the test wants"),
        _ => Ok(()),
    });
    let receiver = ReliableReceiver::new(server.client.clone(), listeners).max_attempts(2);
    let running = receiver.start(["q", "q"]).unwrap();
    let sender = Sender::new(server.client.clone());
    for payload in ["{}", "{\"panic\": 1}"] {
        sender.forward(&event(payload)).unwrap();
        for attempt in [1, 2] {
            assert_eq!(calls.recv_timeout(PATIENCE).unwrap(), (payload.into(), attempt));
        }
    }
    let message = b"{\"data\": {\"panic\": 1}, \"signals\": [\"q\", \"p\", \"remote_event\", \"event\"]}".to_vec();
    let reason = r#"{"code":"panicked","error":"the listener panicked"}"#;
    assert_eq!(server.dead_letter(), (message, reason.into()));
    running.stop();
    assert_eq!(server.keys().len(), 4, "bodies, dead, attempts, reasons");
}

#[test]
fn errors_are_stored_without_their_text() {
    let mut server = Server::start();
    let (listeners, _calls) = listeners(|delivery| {
        delivery.event.payload.parse::<u32>()?;
        Ok(())
    });
    let receiver = ReliableReceiver::new(server.client.clone(), listeners).max_attempts(1);
    let _running = receiver.start(["q"]).unwrap();
    Sender::new(server.client.clone()).send(&event("{\"secret\": 1}")).unwrap();
    let reason = r#"{"code":"failed","error":"core::num::error::ParseIntError"}"#;
    assert_eq!(server.dead_letter().1, reason);
}

#[test]
fn a_listener_knows_that_its_lease_is_lost() {
    let mut server = Server::start();
    let lease = Duration::from_millis(300);
    let (listeners, calls) = listeners(|delivery| {
        eventually("the lease is lost", || delivery.lease_lost().then_some(()));
        Ok(())
    });
    let receiver = ReliableReceiver::new(server.client.clone(), listeners).lease(lease);
    let running = receiver.start(["q"]).unwrap();
    Sender::new(server.client.clone()).forward(&event("{}")).unwrap();
    calls.recv_timeout(PATIENCE).unwrap();
    server.run::<()>("FLUSHALL");
    running.stop();
    assert_eq!(server.keys(), [""; 0]);
}
