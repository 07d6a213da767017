//! Keys files: what is wrong with one is told when it is read.
#![cfg(test)]

use axum::http::{HeaderMap, header};
use platform::identity::{ApiKeys, Authenticate as _, KeysFile};
use sha2::{Digest as _, Sha256};

const ROLES: &[&str] = &["admin", "clerk"];

fn trouble(text: &str) -> String {
    format!("{:#}", ApiKeys::parse(text, ROLES).unwrap_err())
}

#[test]
fn a_keys_file_names_known_roles_and_holds_digests_only() {
    let digest = "a".repeat(64);
    let file = |sha256: &str, role: &str| format!(r#"[{{"name": "till", "sha256": "{sha256}", "roles": ["{role}"]}}]"#);
    assert!(ApiKeys::parse(&file(&digest, "clerk"), ROLES).is_ok());
    assert!(trouble(&file(&digest, "pilot")).contains("pilot"));
    assert!(trouble(&file("annals_a_key_itself", "clerk")).contains("sha256"));
    assert!(trouble("{}").contains("list"));
}

#[test]
fn a_key_that_is_no_longer_in_the_file_opens_nothing_and_a_broken_file_changes_nothing() {
    let file = std::env::temp_dir().join(format!("annals-keys-{}.json", std::process::id()));
    let entry = |key: &str| {
        let digest = format!("{:x}", Sha256::digest(key));
        format!(r#"{{"name": "{key}", "sha256": "{digest}", "roles": ["clerk"]}}"#)
    };
    let opens = |keys: &KeysFile, key: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, format!("Bearer {key}").parse().unwrap());
        keys.authenticate(&headers).is_some()
    };
    std::fs::write(&file, format!("[{}, {}]", entry("old"), entry("kept"))).unwrap();
    let keys = KeysFile::read(&file, ROLES).unwrap();
    std::fs::write(&file, format!("[{}, {}]", entry("new"), entry("kept"))).unwrap();
    assert!(opens(&keys, "old") && !opens(&keys, "new"), "nobody has asked for it to be read");
    keys.reload();
    assert!(!opens(&keys, "old") && opens(&keys, "new") && opens(&keys, "kept"));
    std::fs::write(&file, "[{").unwrap();
    keys.reload();
    assert!(opens(&keys, "new"), "a broken file took the keys away");
    std::fs::remove_file(&file).unwrap();
}
