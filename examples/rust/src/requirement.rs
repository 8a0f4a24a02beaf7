//! The requirements that a message can violate.

use std::fmt;

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The message stays safe.
    Warning,
    /// Receivers deliver the message, but a sender must not send it.
    Tolerated,
    /// Receivers do not deliver the message.
    Malformed,
}

macro_rules! requirements {
    ($($variant:ident = $id:literal, $severity:ident, $about:literal;)*) => {
        /// A requirement of the wire format that a message can violate. It displays as its id.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Requirement { $(#[doc = $about] $variant,)* }

        impl Requirement {
            /// Returns the id in the specification, such as `JSON-5`.
            pub const fn id(self) -> &'static str {
                match self { $(Self::$variant => $id,)* }
            }

            /// Returns the severity of a violation. WIRE-3 can be more severe.
            pub(crate) const fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }
        }
    };
}

requirements! {
    Json1 = "JSON-1", Malformed, "Valid UTF-8 without a byte order mark.";
    Json2 = "JSON-2", Malformed, "One JSON text.";
    Json3 = "JSON-3", Malformed, "A JSON object.";
    Json4 = "JSON-4", Tolerated, "No `NaN` and no infinities.";
    Json5 = "JSON-5", Tolerated, "No two members of one name.";
    Json6 = "JSON-6", Tolerated, "No number that rounds to an infinity.";
    Json7 = "JSON-7", Tolerated, "No integer of more than 4,300 digits.";
    Json8 = "JSON-8", Warning, "No integer beyond ±(2⁵³−1).";
    Json9 = "JSON-9", Tolerated, "No surrogate without its partner.";
    Wire1 = "WIRE-1", Malformed, "A member `data` that is an object.";
    Wire2 = "WIRE-2", Malformed, "A member `signals` that is an array with a signal.";
    Wire3 = "WIRE-3", Tolerated, "Elements of `signals` that are strings.";
    Wire4 = "WIRE-4", Tolerated, "No unknown member at the top.";
    Wire5 = "WIRE-5", Tolerated, "No member of `data` that breaks originals.";
    Sig1 = "SIG-1", Tolerated, "The name of the event first.";
    Sig2 = "SIG-2", Tolerated, "The base signals last.";
    Sig3 = "SIG-3", Tolerated, "No signal twice.";
    Sig4 = "SIG-4", Tolerated, "No signal that commands originals.";
    Meta1 = "META-1", Tolerated, "A `metadata` that is an object.";
    Meta2 = "META-2", Tolerated, "Names of attributes of `a`–`z` and `0`–`9`.";
    Meta3 = "META-3", Tolerated, "Attributes that are strings.";
    Meta4 = "META-4", Warning, "No empty `metadata`.";
    Meta5 = "META-5", Tolerated, "Attributes of their form.";
    Limit1 = "LIMIT-1", Tolerated, "No more than 512 levels.";
    Limit2 = "LIMIT-2", Tolerated, "No more bytes than a sender may send.";
    Limit3 = "LIMIT-3", Malformed, "No more bytes than a receiver takes.";
    Limit4 = "LIMIT-4", Malformed, "No more than 10,000 levels.";
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// Formats requirements for a log: `JSON-4, JSON-5`.
pub(crate) fn ids(requirements: &[Requirement]) -> String {
    requirements.iter().map(|r| r.id()).collect::<Vec<_>>().join(", ")
}
