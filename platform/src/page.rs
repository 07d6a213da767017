//! Pages of a list: opaque cursors, and the link to the next page.

use axum::http::{HeaderValue, Uri};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Problem;

/// Items on a page if the client does not say.
pub const DEFAULT_LIMIT: i64 = 50;
/// Items on a page at most.
pub const MAX_LIMIT: i64 = 500;

/// A page of a list.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// What is on it, in order.
    pub items: Vec<T>,
    /// The cursor of the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Makes a page of up to `limit + 1` items: one more than asked for shows that there is a next page.
    pub fn of<C: Serialize>(mut items: Vec<T>, limit: i64, cursor: impl FnOnce(&T) -> C) -> Self {
        let limit = usize::try_from(limit).unwrap_or_default();
        let next = if items.len() > limit {
            items.truncate(limit);
            items.last().map(|last| encode(&cursor(last)))
        } else {
            None
        };
        Self { items, next }
    }

    /// The value of the `Link` header, if there is a next page.
    #[must_use]
    pub fn link(&self, uri: &Uri) -> Option<HeaderValue> {
        let next = self.next.as_ref()?;
        let others =
            uri.query().unwrap_or_default().split('&').filter(|part| !part.is_empty() && !part.starts_with("cursor="));
        let query: Vec<&str> = others.collect();
        let joint = if query.is_empty() { "" } else { "&" };
        HeaderValue::from_str(&format!("<{}?{}{joint}cursor={next}>; rel=\"next\"", uri.path(), query.join("&"))).ok()
    }
}

/// # Errors
/// 400 when the limit is out of range.
pub fn limit(asked: Option<i64>) -> Result<i64, Problem> {
    match asked.unwrap_or(DEFAULT_LIMIT) {
        limit @ 1..=MAX_LIMIT => Ok(limit),
        limit => Err(Problem::malformed(format!("limit must be 1 to {MAX_LIMIT}, not {limit}")).at("limit")),
    }
}

/// # Errors
/// 400 when the cursor is not one of this list's.
pub fn decode<C: DeserializeOwned>(cursor: Option<&str>) -> Result<Option<C>, Problem> {
    let foreign =
        || Problem::malformed("the cursor is not one that this list gave out; begin again without it").at("cursor");
    let Some(cursor) = cursor else { return Ok(None) };
    let bytes: Option<Vec<u8>> = cursor
        .as_bytes()
        .chunks(2)
        .map(|pair| {
            std::str::from_utf8(pair)
                .ok()
                .filter(|_| pair.len() == 2)
                .and_then(|pair| u8::from_str_radix(pair, 16).ok())
        })
        .collect();
    serde_json::from_slice(&bytes.ok_or_else(foreign)?).map(Some).map_err(|_| foreign())
}

/// Hex of JSON: opaque enough, and safe in a URL as it is.
fn encode<C: Serialize>(cursor: &C) -> String {
    use std::fmt::Write as _;
    serde_json::to_vec(cursor).unwrap_or_default().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
