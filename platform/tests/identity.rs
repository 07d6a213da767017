//! Keys files: what is wrong with one is told when it is read.
#![cfg(test)]

use platform::identity::ApiKeys;

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
