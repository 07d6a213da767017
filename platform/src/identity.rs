//! Who is asking. API keys now; whatever implements [`Authenticate`] later.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::{Context as _, ensure};
use axum::http::{HeaderMap, header};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// Who is asking, and in which roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Unique.
    pub name: String,
    /// How they were recognised: `api_key`.
    pub kind: &'static str,
    /// What they may do is decided by these.
    pub roles: Vec<String>,
}

/// Recognises who is asking.
pub trait Authenticate: Send + Sync + 'static {
    /// The principal that the headers prove, if any.
    fn authenticate(&self, headers: &HeaderMap) -> Option<Arc<Principal>>;
}

/// API keys, known by their digests only. Keys are random and long, so a plain digest is enough, and looking one up by its digest tells
/// nothing about others by its timing.
#[derive(Debug, Default)]
pub struct ApiKeys(HashMap<[u8; 32], Arc<Principal>>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    sha256: String,
    roles: Vec<String>,
}

impl ApiKeys {
    /// Reads a file as described at [`crate::config::Identity`].
    ///
    /// # Errors
    /// When the file cannot be read, is not of that form, or names a role that is not in `roles`.
    pub fn read(file: &Path, roles: &[&str]) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("could not read the keys file {}", file.display()))?;
        Self::parse(&text, roles).with_context(|| format!("in the keys file {}", file.display()))
    }

    /// Parses the text of such a file.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(text: &str, roles: &[&str]) -> anyhow::Result<Self> {
        let mut keys = HashMap::new();
        for Entry { name, sha256, roles: own } in
            serde_json::from_str::<Vec<Entry>>(text).context("it must be a JSON list of name, sha256, roles")?
        {
            for role in &own {
                ensure!(
                    roles.contains(&role.as_str()),
                    "key {name:?} has the unknown role {role:?}; there are {}",
                    roles.join(", ")
                );
            }
            let digest = unhex(&sha256).with_context(|| format!("sha256 of key {name:?} must be 64 hex digits"))?;
            let principal = Principal { name: name.clone(), kind: "api_key", roles: own };
            ensure!(keys.insert(digest, Arc::new(principal)).is_none(), "key {name:?} is in the file twice");
        }
        Ok(Self(keys))
    }
}

impl Authenticate for ApiKeys {
    fn authenticate(&self, headers: &HeaderMap) -> Option<Arc<Principal>> {
        let value = headers.get(header::AUTHORIZATION)?.as_bytes();
        let (scheme, key) = value.split_at_checked(7)?;
        if !scheme.eq_ignore_ascii_case(b"bearer ") {
            return None;
        }
        self.0.get(&<[u8; 32]>::from(Sha256::digest(key))).cloned()
    }
}

impl<T: Authenticate + ?Sized> Authenticate for Arc<T> {
    fn authenticate(&self, headers: &HeaderMap) -> Option<Arc<Principal>> {
        (**self).authenticate(headers)
    }
}

/// The keys of a file, which may change while the service runs.
#[derive(Debug)]
pub struct KeysFile {
    file: PathBuf,
    roles: &'static [&'static str],
    keys: RwLock<ApiKeys>,
}

impl KeysFile {
    /// Reads the file.
    ///
    /// # Errors
    /// As [`ApiKeys::read`].
    pub fn read(file: &Path, roles: &'static [&'static str]) -> anyhow::Result<Self> {
        metrics::describe_gauge!("annals_keys", "API keys that are taken.");
        metrics::describe_counter!("annals_keys_reloads_total", "Times that the keys file was read anew, by outcome.");
        let keys = ApiKeys::read(file, roles)?;
        metrics::gauge!("annals_keys").set(count(keys.0.len()));
        // Both are there from the start, so that an alert sees the first failure as one.
        for outcome in ["read", "refused"] {
            metrics::counter!("annals_keys_reloads_total", "outcome" => outcome).increment(0);
        }
        Ok(Self { file: file.to_owned(), roles, keys: RwLock::new(keys) })
    }

    /// Reads the file anew. One that is not as it must be changes nothing, and is told loudly.
    pub fn reload(&self) {
        let outcome = match ApiKeys::read(&self.file, self.roles) {
            Ok(keys) => {
                let number = keys.0.len();
                *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
                metrics::gauge!("annals_keys").set(count(number));
                tracing::info!(keys = number, "the keys file was read anew");
                "read"
            }
            Err(error) => {
                tracing::error!("the keys stay as they were, revoked ones too: {error:#}");
                "refused"
            }
        };
        metrics::counter!("annals_keys_reloads_total", "outcome" => outcome).increment(1);
    }
}

impl Authenticate for KeysFile {
    fn authenticate(&self, headers: &HeaderMap) -> Option<Arc<Principal>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).authenticate(headers)
    }
}

fn count(number: usize) -> f64 {
    u32::try_from(number).unwrap_or(u32::MAX).into()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}
