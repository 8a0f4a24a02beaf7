#![doc = include_str!("../README.md")]

mod attributes;
mod event;
mod json;
mod judge;
mod keys;
mod listeners;
mod receiver;
mod reliable;
mod requirement;
mod scripts;
mod sender;
mod session;

pub use event::{Event, EventType, TypeError};
pub use judge::{Finding, Judgement, Legacy, Limits, Verdict, decode, judge};
pub use keys::{Keys, ReservedName};
pub use listeners::{Delivery, Failure, Listeners, Notice};
pub use receiver::{Receiver, Running};
pub use reliable::ReliableReceiver;
pub use requirement::{Requirement, Severity};
pub use sender::{SendError, Sender, encode};
pub use session::RedisError;
