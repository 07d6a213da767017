//! What money may look like: within bounds in which quantity × price, and sums of that, stay exact.

use rust_decimal::Decimal;
use utoipa::openapi::ObjectBuilder;
use utoipa::openapi::schema::Type;

use super::define::{reads_as_text, value};

/// Most decimals. Twelve digits before them, six after and a billion units leave the product within the 28 digits of a `Decimal`.
const MAX_DECIMALS: u32 = 6;
/// Highest price of one unit.
const HIGHEST: Decimal = Decimal::from_parts(0xD4A5_1000, 0xE8, 0, false, 0);
/// Most that the lines of one document add up to, either way: a quadrillion. Ten million such documents still add up exactly.
const MOST: Decimal = Decimal::from_parts(0xA4C6_8000, 0x3_8D7E, 0, false, 0);

value! {
    /// What one unit costs.
    Price(Decimal) from String,
    must be "a decimal in plain digits as a string, 0 to 1,000,000,000,000, with at most 6 decimals",
    if |text| parse(&text).filter(|price| is_price(*price)),
    described by decimal(r"^[0-9]{1,13}(\.[0-9]{1,6})?$")
}

value! {
    /// What one unit costs, or brings back.
    SignedPrice(Decimal) from String,
    must be "a decimal in plain digits as a string, -1,000,000,000,000 to 1,000,000,000,000, with at most 6 decimals",
    if |text| parse(&text).filter(|price| is_signed_price(*price)),
    described by decimal(r"^-?[0-9]{1,13}(\.[0-9]{1,6})?$")
}

value! {
    /// A currency's code.
    Currency(String) from String,
    must be "three capital letters, as in ISO 4217",
    if |text| is_currency(&text).then_some(text),
    described by ObjectBuilder::new().schema_type(Type::String).min_length(Some(3)).max_length(Some(3)).pattern(Some("^[A-Z]{3}$"))
}

reads_as_text!(Currency);

fn decimal(pattern: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).examples(["2.55"])
}

/// Digits, perhaps a minus before them, perhaps a point among them. `Decimal`'s own parser takes underscores and exponents too, and rounds.
fn parse(text: &str) -> Option<Decimal> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |part: &str| (1..=28).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    (plain(whole) && plain(fraction)).then(|| Decimal::from_str_exact(text).ok()).flatten()
}

/// Three capital letters, as in ISO 4217.
pub(crate) fn is_currency(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// From 0 to 1,000,000,000,000, with at most 6 decimals.
pub(crate) fn is_price(price: Decimal) -> bool {
    price >= Decimal::ZERO && is_signed_price(price)
}

/// The same, to either side of zero.
pub(crate) fn is_signed_price(price: Decimal) -> bool {
    price.abs() <= HIGHEST && price.normalize().scale() <= MAX_DECIMALS
}

/// What the lines of a document add up to; `None` when that is too much to be added up exactly with what others come to.
pub(crate) fn total(amounts: impl Iterator<Item = Decimal>) -> Option<Decimal> {
    let mut total = Decimal::ZERO;
    for amount in amounts {
        total = total.checked_add(amount).filter(|total| total.abs() <= MOST)?;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_not_negative_nor_endless() {
        for price in ["0", "-0", "0.000001", "1.250000", "1000000000000"] {
            assert!(is_price(price.parse().unwrap()), "{price}");
        }
        for price in ["-0.01", "0.0000001", "1000000000000.01"] {
            assert!(!is_price(price.parse().unwrap()), "{price}");
        }
        assert!(is_signed_price("-11062.06".parse().unwrap()));
    }

    #[test]
    fn money_is_written_in_plain_digits() {
        for text in ["2.55", "0", "007.10", "-1.5", "1000000000000"] {
            assert!(SignedPrice::try_from(text.to_owned()).is_ok(), "{text}");
        }
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "1_000",
            "1e3",
            "1E3",
            "+1",
            " 1",
            "1 ",
            "--1",
            "1,5",
            "NaN",
            "0x1",
            "٣",
            "1.0000000001",
            &"1".repeat(29),
        ] {
            assert!(SignedPrice::try_from(text.to_owned()).is_err(), "{text}");
        }
        assert!(Price::try_from("-1".to_owned()).is_err());
    }

    #[test]
    fn a_document_comes_to_what_can_be_added_up() {
        assert_eq!(MOST, Decimal::from(1_000_000_000_000_000_i64));
        assert_eq!(total([MOST, -MOST, MOST].into_iter()), Some(MOST));
        assert_eq!(total([MOST, Decimal::ONE].into_iter()), None);
        assert_eq!(total([Decimal::MAX, Decimal::MAX].into_iter()), None);
    }
}
