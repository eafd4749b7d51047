//! Kinds of messages: owns their names. A message that is new in core has none here, and sim does not compile
//! without.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use windrow_core::wire::message::{
    FetchAnswer, FetchRequest, FromClient, FromWorker, Heartbeat, HeartbeatAnswer, Hello, HelloAnswer,
    ToClient, ToWorker,
};

/// Which message it is, by its name in core: `ToWorker::Launch`, `Heartbeat`; or `Raw`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MessageKind(&'static str);

/// No message has this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownKind(pub String);

/// What is said on connections or in datagrams.
pub(super) trait Message {
    /// Which it is.
    fn kind(&self) -> MessageKind;
}

macro_rules! kinds {
    (enums { $($message:ident { $($variant:ident)* })* } structs { $($single:ident)* }) => {
        $(impl Message for $message {
            fn kind(&self) -> MessageKind {
                match self {
                    $($message::$variant { .. } => {
                        MessageKind(concat!(stringify!($message), "::", stringify!($variant)))
                    })*
                }
            }
        })*
        $(impl Message for $single {
            fn kind(&self) -> MessageKind {
                MessageKind(stringify!($single))
            }
        })*
        const NAMES: &[&str] = &[
            $($(concat!(stringify!($message), "::", stringify!($variant)),)*)*
            $(stringify!($single),)*
            MessageKind::RAW.0,
        ];
    };
}

kinds! {
    enums {
        HelloAnswer { Welcome OtherCluster NotServed }
        FromWorker { Register Inventory Gathered PullOutputs Unfetchable Progress Ended Goodbye }
        ToWorker { Registered Verdicts Launch Run Kill Outputs Acknowledged DropJob Stop }
        FromClient { Submit Watch Cancel Shutdown }
        ToClient { Accepted Progress AttemptFailed Ended UnknownJob Refused ShuttingDown }
        FetchAnswer { Run NotHere Unreadable }
    }
    structs { Hello FetchRequest Heartbeat HeartbeatAnswer }
}

impl MessageKind {
    /// A piece of bulk data.
    pub const RAW: MessageKind = MessageKind("Raw");

    /// Every kind there is.
    pub fn all() -> impl Iterator<Item = MessageKind> {
        NAMES.iter().map(|name| MessageKind(name))
    }
}

impl fmt::Display for MessageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Display for UnknownKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no message is called `{}`", self.0)
    }
}

impl FromStr for MessageKind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<MessageKind, UnknownKind> {
        MessageKind::all().find(|kind| kind.0 == name).ok_or_else(|| UnknownKind(name.into()))
    }
}

impl Serialize for MessageKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

impl<'de> Deserialize<'de> for MessageKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<MessageKind, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
