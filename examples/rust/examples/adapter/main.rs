//! The adapter of this crate for the compatibility harness, by the protocol of
//! compat/README.md.

mod evaluate;

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::io::{BufRead, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use remote_event::{Delivery, Event, Failure, Listeners, Receiver, ReliableReceiver, Running, Sender};
use serde_json::{Value, json};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const CLASSES: [&str; 4] = ["legacy-safe sender", "receiver", "reliable receiver", "validator"];

/// The calls of listeners that wait for a `return`, by their numbers. It is `None` after the
/// end of stdin.
static HELD: Mutex<Option<HashMap<u64, SyncSender<Outcome>>>> = Mutex::new(None);
static CALLS: AtomicU64 = AtomicU64::new(1);

type Outcome = std::result::Result<(), Failure>;

fn held() -> MutexGuard<'static, Option<HashMap<u64, SyncSender<Outcome>>>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

fn print(line: &Value) {
    // The lock keeps lines of several threads apart.
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// Reports a call of a listener, and waits for its `return` if calls are held.
fn listen(delivery: &Delivery<'_>, hold: bool) -> Outcome {
    let event = delivery.event;
    let mut report = json!({
        "op": "event", "signal": delivery.signal, "event_name": event.name, "signals": event.signals,
        "payload_text": event.payload, "metadata": event.attributes,
    });
    if !hold {
        print(&report);
        return Ok(());
    }
    let ended = || Failure::new("stdin has ended");
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    let (answer, returned) = sync_channel(1);
    held().as_mut().ok_or_else(ended)?.insert(call, answer);
    report["call"] = call.into();
    print(&report);
    returned.recv().unwrap_or_else(|_| Err(ended()))
}

/// Returns a client of `REDIS_URL`. The crate redis has another form of URL for unix sockets.
fn client() -> Result<redis::Client> {
    let mut url = std::env::var("REDIS_URL")?;
    if let Some(rest) = url.strip_prefix("unix://") {
        let (userinfo, path) = rest.split_at(rest.find('/').ok_or("REDIS_URL has no path")?);
        let (path, query) = path.split_once('?').unwrap_or((path, "db=0"));
        let (user, password) = userinfo.trim_end_matches('@').split_once(':').unwrap_or_default();
        let member = |name: &str, value: &str| match value {
            "" => String::new(),
            value => format!("&{name}={}", value.replace('+', "%2B").replace('&', "%26")),
        };
        url = format!("unix://{path}?{query}{}{}", member("user", user), member("pass", password));
    }
    Ok(redis::Client::open(url)?)
}

fn strings(value: &Value) -> Result<Vec<String>> {
    Ok(serde_json::from_value(value.clone())?)
}

fn send(sender: &mut Option<Sender>, request: &Value) -> Result<()> {
    let text = |name: &str| request[name].as_str().ok_or(format!("{name} is not a string"));
    let metadata: Option<BTreeMap<String, String>> = serde_json::from_value(request["metadata"].clone())?;
    let ancestors = if request["parents"].is_array() { strings(&request["parents"])? } else { Vec::new() };
    let mut event = Event::new(text("event_name")?, ancestors, text("payload_text")?);
    event.attributes = metadata.unwrap_or_default();
    if request["signals"].is_array() {
        event.signals = strings(&request["signals"])?;
    }
    if sender.is_none() {
        *sender = Some(Sender::new(client()?));
    }
    Ok(sender.as_ref().ok_or("no sender")?.forward(&event)?)
}

fn receive(request: &Value) -> Result<Running> {
    let queues = strings(&request["queues"])?;
    let hold = request["hold"] == true;
    *held() = Some(HashMap::new());
    let mut listeners = Listeners::new().observe(|queue, notice| eprintln!("queue {queue:?}: {notice}"));
    for signal in strings(&request["signals"])? {
        listeners = listeners.listen(signal, move |delivery| listen(delivery, hold));
    }
    let settings = &request["reliable"];
    if settings.is_null() {
        return Ok(Receiver::new(client()?, listeners).start(queues));
    }
    let number = |name: &str| settings[name].as_u64().ok_or(format!("{name} is not a number"));
    let attempts = number("max_attempts")?.try_into()?;
    let receiver = ReliableReceiver::new(client()?, listeners)
        .lease(Duration::from_millis(number("lease_ms")?))
        .first_retry(Duration::from_millis(number("retry_ms")?))
        .max_attempts(attempts)
        .max_suspect_attempts(attempts);
    Ok(receiver.start(queues)?)
}

/// Ends a held call of a listener.
fn end_call(request: &Value) -> Result<()> {
    let outcome = match request["error"].as_str() {
        None => Ok(()),
        Some(error) if request["permanent"] == true => Err(Failure::permanent(error)),
        Some(error) => Err(Failure::new(error)),
    };
    let call = request["call"].as_u64().and_then(|call| held().as_mut()?.remove(&call));
    Ok(call.ok_or("no such call")?.send(outcome)?)
}

fn main() -> Result<()> {
    let (mut sender, mut running, mut stopping) = (None, None, None);
    for line in std::io::stdin().lock().split(b'\n') {
        let request: Value = serde_json::from_slice(&line?).unwrap_or_default();
        let answer = match request["op"].as_str() {
            Some("hello") => Ok(json!({
                "op": "hello", "protocol": 1, "name": "remote-event-rust", "version": env!("CARGO_PKG_VERSION"),
                "classes": CLASSES,
            })),
            Some("send") => send(&mut sender, &request).map(|()| json!({"op": "sent"})),
            Some("receive") => receive(&request).map(|started| {
                running = Some(started);
                json!({"op": "ready"})
            }),
            Some("return") => end_call(&request).map(|()| json!({"op": "returned"})),
            Some("evaluate") => evaluate::evaluate(&request["family"], &request["input"])
                .map(|output| json!({"op": "evaluated", "output": output})),
            Some("stop") => {
                // The receiver waits for its listeners, whose returns may follow.
                let running = running.take();
                stopping = Some(std::thread::spawn(move || {
                    drop(running);
                    std::process::exit(0)
                }));
                continue;
            }
            _ => Err("unsupported request".into()),
        };
        let mut answer = answer.unwrap_or_else(|error| json!({"op": "failed", "error": error.to_string()}));
        answer["id"] = request["id"].clone();
        print(&answer);
    }
    *held() = None; // held calls fail
    if let Some(stopping) = stopping {
        let _ = stopping.join();
    }
    Ok(())
}
