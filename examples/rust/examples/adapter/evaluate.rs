//! The test vectors that an adapter evaluates without Redis.

use std::collections::HashMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD as STANDARD;
use remote_event::{EventType, Keys, Limits, judge};
use serde_json::{Value, json};

use crate::Result;

/// Returns the output for the input of a test vector (spec/vectors/README.md).
pub fn evaluate(family: &Value, input: &Value) -> Result<Value> {
    match family.as_str() {
        Some("wire" | "poison" | "limits" | "metadata" | "evolution") => message(input),
        Some("companions") => companions(input),
        Some("chain") => chain(input),
        _ => Err("unsupported family".into()),
    }
}

fn message(input: &Value) -> Result<Value> {
    let key = input["key"].as_str().unwrap_or("e");
    let judgement = judge(&read(&input["message"])?, Some(key.as_bytes()), Limits::default());
    let findings: Vec<_> = judgement.findings.iter().map(|finding| finding.requirement.id()).collect();
    let lower = |word: &dyn std::fmt::Debug| format!("{word:?}").to_lowercase();
    Ok(json!({"verdict": lower(&judgement.verdict), "legacy": lower(&judgement.legacy), "findings": findings}))
}

fn companions(input: &Value) -> Result<Value> {
    let Ok(keys) = Keys::new(read(&input["queue"])?) else {
        return Ok(json!({"rejected": true}));
    };
    let companions: Vec<_> = keys.as_slice()[1..].iter().map(|key| write(key)).collect();
    Ok(json!({"tag": write(keys.tag()), "slot": keys.slot(), "companions": companions}))
}

/// Declares the types of a case. The types of this crate do not know the members of payloads.
fn chain(input: &Value) -> Result<Value> {
    let declarations = input["types"].as_array().ok_or("types is not an array")?;
    if declarations.iter().any(|declaration| declaration.get("members").is_some()) {
        return Err("unsupported: members of payloads".into());
    }
    let mut types: HashMap<&str, EventType> = HashMap::new();
    let mut signals = Vec::new();
    for declaration in declarations {
        let name = declaration["event_name"].as_str().ok_or("unsupported: a type without a name")?;
        let parents = declaration["parents"].as_array().map(Vec::as_slice).unwrap_or_default();
        let parents = parents.iter().map(|parent| types.get(parent.as_str()?)).collect::<Option<Vec<_>>>();
        let Ok(declared) = EventType::new(name, &parents.ok_or("a parent is not declared")?) else {
            return Ok(json!({"rejected": true}));
        };
        signals = declared.event("{}").signals;
        types.insert(declaration["type"].as_str().ok_or("a declaration has no type")?, declared);
    }
    Ok(json!({"signals": signals}))
}

/// Reads bytes: a string, or `{"base64": …}` if they are not UTF-8.
fn read(form: &Value) -> Result<Vec<u8>> {
    match form.as_str() {
        Some(text) => Ok(text.into()),
        None => Ok(STANDARD.decode(form["base64"].as_str().ok_or("neither a string nor base64")?)?),
    }
}

/// Writes bytes like the input of [`read`].
fn write(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => json!({"base64": STANDARD.encode(bytes)}),
    }
}
