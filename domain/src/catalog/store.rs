//! A place that sells.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Error;
use crate::aggregate::aggregate;
use crate::values::{money, text, zone};

/// A store, from before it opens.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Store {
    /// There is none under this key.
    #[default]
    Unknown,
    /// It sells.
    Open {
        /// What it trades in.
        currency: String,
    },
    /// It has closed for good.
    Closed {
        /// What it traded in.
        currency: String,
    },
}

/// What can be asked of a store.
#[expect(missing_docs, reason = "each field is named by the API that fills it")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Opens it. Its days are those of its time zone, of UTC without one.
    Open { name: String, country: String, currency: String, time_zone: Option<String>, at: DateTime<Utc> },
    /// Closes it for good.
    Close { at: DateTime<Utc> },
}

/// What has happened to a store.
#[expect(missing_docs, reason = "each field is what its command said")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// It opened.
    Opened {
        name: String,
        country: String,
        currency: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        time_zone: Option<String>,
        at: DateTime<Utc>,
    },
    /// It closed for good.
    Closed { at: DateTime<Utc> },
}

aggregate!(Store in "store", refuses with Error,
    Opened => "catalog.store_opened",
    Closed => "catalog.store_closed",
);

impl Store {
    /// What follows from a command.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn decide(&self, command: Command) -> Result<Vec<Event>, Error> {
        let event = match (self, command) {
            (Self::Unknown, Command::Open { name, .. }) if !text::is_name(&name) => return Err(Error::Text("name")),
            (Self::Unknown, Command::Open { country, .. }) if !text::is_name(&country) => {
                return Err(Error::Text("country"));
            }
            (Self::Unknown, Command::Open { currency, .. }) if !money::is_currency(&currency) => {
                return Err(Error::Currency);
            }
            (Self::Unknown, Command::Open { time_zone: Some(name), .. }) if !zone::is_zone(&name) => {
                return Err(Error::TimeZone);
            }
            (Self::Unknown, Command::Open { name, country, currency, time_zone, at }) => {
                Event::Opened { name, country, currency, time_zone, at }
            }
            (Self::Open { .. } | Self::Closed { .. }, Command::Open { .. }) => return Err(Error::StoreExists),
            (Self::Open { .. }, Command::Close { at }) => Event::Closed { at },
            (Self::Closed { .. }, Command::Close { .. }) => return Err(Error::StoreClosed),
            (Self::Unknown, Command::Close { .. }) => return Err(Error::StoreUnknown),
        };
        Ok(vec![event])
    }

    /// The state after an event.
    pub fn evolve(&mut self, event: Event) {
        *self = match (&*self, event) {
            (_, Event::Opened { currency, .. }) => Self::Open { currency },
            (Self::Open { currency } | Self::Closed { currency }, Event::Closed { .. }) => {
                Self::Closed { currency: currency.clone() }
            }
            (Self::Unknown, Event::Closed { .. }) => Self::Unknown,
        };
    }
}
