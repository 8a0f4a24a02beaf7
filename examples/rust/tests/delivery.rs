//! Senders and receivers with a Redis server.

mod common;

use std::sync::mpsc::{Receiver as Channel, channel};
use std::time::{Duration, Instant};

use remote_event::{Delivery, Event, Failure, Keys, Listeners, Receiver, ReliableReceiver, SCRIPTS, SendError, Sender};

use crate::common::Server;

const SECONDS: Duration = Duration::from_secs(10);

fn event(payload: &str) -> Event {
    Event::new("q", ["p"], payload)
}

/// Listeners of which the one of `p` reports the payload and the attempt, and then runs `listener`.
fn listeners<F>(listener: F) -> (Listeners, Channel<(String, u32)>)
where
    F: Fn(&Delivery<'_>) -> Result<(), Failure> + Send + Sync + 'static,
{
    let (sender, calls) = channel();
    let listeners = Listeners::new().observe(|notice| eprintln!("{notice}")).listen("p", move |delivery| {
        sender.send((delivery.event.payload.clone(), delivery.attempt)).unwrap();
        listener(delivery)
    });
    (listeners, calls)
}

fn keys(server: &mut Server) -> Vec<String> {
    let mut keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut server.connection).unwrap();
    keys.sort();
    keys
}

/// Waits until the queue has a dead letter, and returns its bytes and its reason.
fn dead_letter(server: &mut Server) -> (Vec<u8>, String) {
    let keys = Keys::new("q").unwrap();
    let end = Instant::now() + SECONDS;
    loop {
        let dead: Vec<String> =
            redis::cmd("ZRANGE").arg(&keys.as_slice()[6]).arg(0).arg(-1).query(&mut server.connection).unwrap();
        if let Some(id) = dead.first() {
            let get = |key: usize| redis::cmd("HGET").arg(&keys.as_slice()[key]).arg(id).clone();
            let body = get(2).query(&mut server.connection).unwrap();
            return (body, get(8).query(&mut server.connection).unwrap());
        }
        assert!(Instant::now() < end, "no dead letter");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn plain() {
    let mut server = Server::start();
    let (listeners, calls) = listeners(|_| panic!("as the test wants"));
    let running = Receiver::new(server.client.clone(), listeners).start(["q", "q"]);
    let sender = Sender::new(server.client.clone());
    redis::cmd("LPUSH").arg("q").arg("no message").exec(&mut server.connection).unwrap();
    for payload in ["{\"n\": 1}", "{\"n\": 2}"] {
        sender.send(&event(payload)).unwrap();
        assert_eq!(calls.recv_timeout(SECONDS).unwrap(), (payload.into(), 1));
    }
    running.stop();
    assert_eq!(keys(&mut server), [""; 0]);
}

#[test]
fn outcomes_of_sending() {
    let mut server = Server::start();
    let sender = Sender::new(server.client.clone());
    let rejected = sender.send(&event("{\"secret\": NaN}")).unwrap_err();
    assert_eq!(rejected.to_string(), "the event \"q\" violates JSON-4");

    redis::cmd("SET").arg("q").arg("text").exec(&mut server.connection).unwrap();
    assert!(matches!(sender.send(&event("{}")), Err(SendError::NotStored { .. })));
    redis::cmd("DEL").arg("q").exec(&mut server.connection).unwrap();

    redis::cmd("CLIENT").arg("PAUSE").arg(60_000).arg("WRITE").exec(&mut server.connection).unwrap();
    std::thread::scope(|scope| {
        let outcome = scope.spawn(|| sender.send(&event("{}")));
        std::thread::sleep(Duration::from_millis(300));
        redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("normal").exec(&mut server.connection).unwrap();
        assert!(matches!(outcome.join().unwrap(), Err(SendError::Unknown { .. })));
    });
    redis::cmd("CLIENT").arg("UNPAUSE").exec(&mut server.connection).unwrap();
    sender.send(&event("{}")).unwrap();
    drop(server);
    sender.send(&event("{}")).unwrap_err();
    assert!(matches!(sender.send(&event("{}")), Err(SendError::NotStored { .. })));
}

#[test]
fn reliable_handles_and_stops() {
    let mut server = Server::start();
    let acl = "reset on >secret ~q ~remote-event:v1:{q}:* +eval +evalsha +blmove +time +type +hdel +hexists +hget +hlen \
        +hmget +hset +hstrlen +lindex +llen +lpop +lrange +ltrim +pexpire +pttl +rpush +zadd +zcard +zrange \
        +zrangebyscore +zrem +zremrangebyrank +zscore";
    redis::cmd("ACL")
        .arg("SETUSER")
        .arg("r")
        .arg(acl.split_whitespace().collect::<Vec<_>>())
        .exec(&mut server.connection)
        .unwrap();
    let address = server.client.get_connection_info().addr().to_string();
    let client = redis::Client::open(format!("redis://r:secret@{address}")).unwrap();

    let (listeners, calls) = listeners(|_| Ok(()));
    let running = ReliableReceiver::new(client, listeners).start(["q", "q"]).unwrap();
    let sender = Sender::new(server.client.clone());
    for n in 0..20 {
        let payload = format!("{{\"n\": {n}}}");
        sender.send(&event(&payload)).unwrap();
        assert_eq!(calls.recv_timeout(SECONDS).unwrap(), (payload, 1));
    }
    redis::cmd("SCRIPT").arg("FLUSH").exec(&mut server.connection).unwrap();
    running.stop();
    assert_eq!(keys(&mut server), [""; 0]);
}

#[test]
fn reliable_tries_again() {
    let mut server = Server::start();
    let (listeners, calls) = listeners(|delivery| match (delivery.attempt, delivery.event.payload.as_str()) {
        (1, _) => Err(Failure::new("once").retry_after(Duration::from_millis(1))),
        (2, "{\"panic\": 1}") => panic!("as the test wants"),
        _ => Ok(()),
    });
    let receiver = ReliableReceiver::new(server.client.clone(), listeners).max_attempts(2);
    let running = receiver.start(["q"]).unwrap();
    let sender = Sender::new(server.client.clone()).without_attributes();
    for payload in ["{}", "{\"panic\": 1}"] {
        sender.send(&event(payload)).unwrap();
        for attempt in [1, 2] {
            assert_eq!(calls.recv_timeout(SECONDS).unwrap(), (payload.into(), attempt));
        }
    }
    let message = b"{\"data\": {\"panic\": 1}, \"signals\": [\"q\", \"p\", \"remote_event\", \"event\"]}".to_vec();
    let reason = r#"{"code":"panicked","error":"the listener panicked"}"#;
    assert_eq!(dead_letter(&mut server), (message, reason.into()));
    running.stop();
    assert_eq!(keys(&mut server).len(), 4, "bodies, dead, attempts, reasons");
}

#[test]
fn dead_at_the_first_attempt() {
    for (message, reason) in [
        (&b"\xFF"[..], r#"{"code":"malformed","error":"JSON-1"}"#),
        (br#"{"data": {}, "signals": ["p"]}"#, r#"{"code":"permanent","error":"no"}"#),
    ] {
        let mut server = Server::start();
        redis::cmd("LPUSH").arg("q").arg(message).exec(&mut server.connection).unwrap();
        let (listeners, _calls) = listeners(|_| Err(Failure::permanent("no")));
        let _running = ReliableReceiver::new(server.client.clone(), listeners).start(["q"]).unwrap();
        assert_eq!(dead_letter(&mut server), (message.to_vec(), reason.into()));
    }
}

#[test]
fn messages_of_a_crashed_receiver() {
    let mut server = Server::start();
    let sender = Sender::new(server.client.clone());
    sender.send(&event("{}")).unwrap();
    let keys = Keys::new("q").unwrap();
    for token in ["first", "second"] {
        let mut claim = redis::cmd("EVAL");
        claim.arg(SCRIPTS[0].1).arg(10).arg(keys.as_slice());
        claim.arg(&["0", "0", "0", "0", "0", token, "200", "1", "1000", "1000", "5", "0", "1"]);
        claim.exec(&mut server.connection).unwrap();
        std::thread::sleep(Duration::from_millis(250));
    }
    let (listeners, calls) = listeners(|_| Ok(()));
    let running = ReliableReceiver::new(server.client.clone(), listeners).start(["q"]).unwrap();
    assert_eq!(calls.recv_timeout(SECONDS).unwrap(), ("{}".into(), 1), "crashes are pardoned");
    running.stop();
    assert_eq!(self::keys(&mut server), [""; 0]);
}

#[test]
fn leases() {
    let mut server = Server::start();
    let lease = Duration::from_millis(300);
    let (lost, was_lost) = channel();
    let (listeners, calls) = listeners(move |delivery| {
        let end = Instant::now() + 4 * lease;
        while Instant::now() < end && !delivery.lease_lost() {
            std::thread::sleep(Duration::from_millis(10));
        }
        lost.send(delivery.lease_lost())?;
        Ok(())
    });
    let start = || ReliableReceiver::new(server.client.clone(), listeners.clone()).lease(lease).start(["q"]).unwrap();
    let running = [start(), start()];
    Sender::new(server.client.clone()).send(&event("{}")).unwrap();
    assert!(!was_lost.recv_timeout(SECONDS).unwrap(), "the lease is extended");
    Sender::new(server.client.clone()).send(&event("{}")).unwrap();
    calls.recv_timeout(SECONDS).unwrap();
    calls.recv_timeout(SECONDS).unwrap();
    redis::cmd("FLUSHALL").exec(&mut server.connection).unwrap();
    assert!(was_lost.recv_timeout(SECONDS).unwrap(), "the listener knows");
    drop(running);
    assert!(calls.try_recv().is_err(), "each event was handled once");
}
