//! What texts may look like.

use unicode_normalization::is_nfc;
use utoipa::openapi::ObjectBuilder;
use utoipa::openapi::schema::Type;

use super::define::{reads_as_text, value};

/// Longest key of the business's own (SKU, invoice number, store, customer), in characters. With four bytes each, several of them fit into a
/// page of an index.
pub const MAX_KEY: usize = 64;
/// Longest name, description or reason, in characters.
pub const MAX_TEXT: usize = 500;

/// No key, because they stand in paths where a key may stand; a test compares them with the table of routes.
pub const RESERVED: &[&str] = &["alerts", "bad-debts", "refunds", "reservations", "returns", "transfers"];

value! {
    /// A key of the business's own: a SKU, a store, a customer, an invoice number. It can stand in a path.
    Key(String) from String,
    must be "1 to 64 printable characters, without `/`, blanks at its ends or invisible characters, composed (NFC), and not `.`, `..` or a word of a route",
    if |text| is_key(&text).then_some(text),
    described by string().min_length(Some(1)).max_length(Some(MAX_KEY)).pattern(Some(r"^[^/\u0000-\u001f\u007f]+$"))
}

value! {
    /// The number of a document of somebody else's: a delivery note, an invoice.
    Document(String) from String,
    must be "1 to 64 printable characters, without blanks at its ends or invisible characters, composed (NFC)",
    if |text| is_document(&text).then_some(text),
    described by string().min_length(Some(1)).max_length(Some(MAX_KEY)).pattern(Some(r"^[^\u0000-\u001f\u007f]+$"))
}

value! {
    /// A name, or a reason: it says something.
    Name(String) from String,
    must be "1 to 500 printable characters, not only blanks",
    if |text| is_name(&text).then_some(text),
    described by string().min_length(Some(1)).max_length(Some(MAX_TEXT)).pattern(Some(r"^[^\u0000-\u001f\u007f]*\S[^\u0000-\u001f\u007f]*$"))
}

value! {
    /// A description or a remark; may be empty.
    #[derive(Default)]
    Note(String) from String,
    must be "at most 500 printable characters",
    if |text| is_note(&text).then_some(text),
    described by string().max_length(Some(MAX_TEXT)).pattern(Some(r"^[^\u0000-\u001f\u007f]*$"))
}

reads_as_text!(Key, Document, Name, Note);

fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// Whether this can be a key of the business's own. See [`Key`].
#[must_use]
pub fn is_key(text: &str) -> bool {
    is_document(text) && !text.contains('/') && text != "." && text != ".." && !RESERVED.contains(&text)
}

/// See [`Document`].
pub(crate) fn is_document(text: &str) -> bool {
    !text.is_empty() && is_text(text, MAX_KEY) && text.trim() == text && !text.chars().any(is_invisible) && is_nfc(text)
}

/// See [`Name`].
pub(crate) fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && is_text(text, MAX_TEXT)
}

/// See [`Note`].
pub(crate) fn is_note(text: &str) -> bool {
    is_text(text, MAX_TEXT)
}

fn is_text(text: &str, longest: usize) -> bool {
    text.chars().count() <= longest && !text.chars().any(is_unprintable)
}

/// Controls, line and paragraph separators, what turns the direction of text, and what will never be a character.
fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FDD0}'..='\u{FDEF}')
        || u32::from(character) & 0xFFFE == 0xFFFE
}

/// Characters that nobody sees, or takes for a blank: two keys that look the same must be the same. The property
/// `Default_Ignorable_Code_Point` of Unicode 15, private use, and blanks but the plain one.
fn is_invisible(character: char) -> bool {
    (character.is_whitespace() && character != ' ')
        || matches!(character,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}' | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}' | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}' | '\u{E000}'..='\u{F8FF}'
            | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{10FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_can_be_addressed_and_is_like_no_other_that_looks_the_same() {
        for key in ["85123A", "high-street", "C 536379", "é", "...", "日本", "a.b", "%2F", &"x".repeat(64), "15056BL"]
        {
            assert!(is_key(key), "{key}");
        }
        for text in [
            "",
            " ",
            "a/b",
            " a",
            "a ",
            ".",
            "..",
            "returns",
            "a\0b",
            "a\nb",
            "a\u{200B}",
            "a\u{202E}b",
            "\u{FEFF}a",
            "a\u{A0}b",
            "e\u{301}",
            "a\u{E0041}",
            "\u{E000}",
            "\u{FFFF}",
            "a\u{2028}b",
            "a\u{AD}",
            &"x".repeat(65),
            &"x".repeat(3000),
        ] {
            assert!(!is_key(text), "{text:?}");
        }
    }

    #[test]
    fn a_text_can_be_printed() {
        for text in ["Mug, blue", "Ærø", "👩‍🚒", "50 % off", &"ü".repeat(500)] {
            assert!(is_name(text) && is_note(text), "{text}");
        }
        for text in
            ["a\0b", "a\tb", "\u{7F}", "\u{85}", "x\u{202E}y", "\u{2029}", "\u{FDD0}", "\u{1FFFE}", &"x".repeat(501)]
        {
            assert!(!is_name(text) && !is_note(text), "{text:?}");
        }
        assert!(is_note("") && !is_name("") && !is_name("  "));
        assert!(is_document("12/345") && !is_document(&"7".repeat(3000)));
    }
}
