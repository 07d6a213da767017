//! What a name, a key or a currency may look like.

/// Longest key of the business's own (SKU, invoice number, store, customer), in characters.
pub const MAX_KEY: usize = 64;
/// Longest name, description or reason, in characters.
pub const MAX_TEXT: usize = 500;

/// A key of the business's own: printable, nothing at its ends, and no `/`, which parts keys from each other.
#[must_use]
pub fn is_key(text: &str) -> bool {
    !text.is_empty() && is_text(text, MAX_KEY) && text.trim() == text && !text.contains('/')
}

/// A name that says something.
pub(crate) fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && is_text(text, MAX_TEXT)
}

/// Any text, the empty one included.
pub(crate) fn is_note(text: &str) -> bool {
    is_text(text, MAX_TEXT)
}

/// Three capital letters, as in ISO 4217.
pub(crate) fn is_currency(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

fn is_text(text: &str, longest: usize) -> bool {
    text.chars().count() <= longest && !text.chars().any(char::is_control)
}
