//! The scripts that a receiver calls.

use std::sync::LazyLock;

use redis::{Connection, ErrorKind, RedisResult, Script, ServerErrorKind, Value, from_redis_value};

use crate::keys::Keys;

/// A script of the specification, byte for byte (REL-9).
pub(crate) struct Lua {
    text: &'static str,
    script: LazyLock<Script>,
}

macro_rules! lua {
    ($name:literal) => {{
        const TEXT: &str = include_str!(concat!("../lua/", $name, ".lua"));
        Lua { text: TEXT, script: LazyLock::new(|| Script::new(TEXT)) }
    }};
}

pub(crate) static EXCHANGE: Lua = lua!("exchange");
pub(crate) static EXTEND: Lua = lua!("extend");
pub(crate) static RELEASE: Lua = lua!("release");

impl Lua {
    /// Calls the script: by its digest, or by its text if Redis does not have it (REL-10).
    pub fn call(&self, connection: &mut Connection, keys: &Keys, arguments: &[String]) -> RedisResult<Value> {
        let mut call = |command: &str, script: &str| {
            let keys = keys.as_slice();
            redis::cmd(command).arg(script).arg(keys.len()).arg(keys).arg(arguments).query(connection)
        };
        match call("EVALSHA", self.script.get_hash()) {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => call("EVAL", self.text),
            result => result,
        }
    }
}

/// A message that a receiver has claimed.
pub(crate) struct Message {
    /// The name of the claim.
    pub claim: String,
    /// The number of the attempt, from 1.
    pub attempt: u32,
    pub body: Vec<u8>,
}

/// Whether a claim has fresh messages. The names of other claims have a mark.
pub(crate) fn is_fresh(claim: &str) -> bool {
    !claim.contains(['/', '!'])
}

/// Whether a claim has a suspect.
pub(crate) fn is_suspect(claim: &str) -> bool {
    claim.contains('!')
}

/// The reply of `exchange` to a claim of at most one message.
pub(crate) struct Exchanged {
    /// The milliseconds until something is due, or -1.
    pub wait: i64,
    pub message: Option<Message>,
    /// The id and the reason of each message that died.
    pub dead: Vec<(String, String)>,
    /// Whether an acknowledgement or nack was lost.
    pub lost: bool,
}

impl Exchanged {
    pub fn parse(reply: Value) -> RedisResult<Self> {
        let mut elements = from_redis_value::<Vec<Value>>(reply)?.into_iter();
        let mut next = || elements.next().unwrap_or(Value::Array(Vec::new()));
        let wait = from_redis_value(next())?;
        let claim = from_redis_value(next())?;
        let fresh: Vec<Vec<u8>> = from_redis_value(next())?;
        let mut message = fresh.into_iter().next().map(|body| Message { claim, attempt: 1, body });
        let failed: Vec<Value> = from_redis_value(next())?;
        if let Ok([claim, deliveries, pardoned, _reason, body]) = <[Value; 5]>::try_from(failed) {
            let attempt = from_redis_value::<u32>(deliveries)?.saturating_sub(from_redis_value(pardoned)?);
            message = Some(Message { claim: from_redis_value(claim)?, attempt, body: from_redis_value(body)? });
        }
        let dead: Vec<Vec<u8>> = from_redis_value(next())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let dead = dead.chunks_exact(2).map(|pair| (text(&pair[0]), text(&pair[1]))).collect();
        let lost: [Vec<u64>; 2] = [from_redis_value(next())?, from_redis_value(next())?];
        Ok(Self { wait, message, dead, lost: !lost.concat().is_empty() })
    }
}
