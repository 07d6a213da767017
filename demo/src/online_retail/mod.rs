//! Files in the format of the Online Retail data set: their rows as commands of a shop, and the figures of that shop against answers that
//! were computed from the file. What is peculiar to the file is here, and nowhere else.

pub(crate) mod check;
pub(crate) mod load;
mod overview;
mod plan;
mod reference;
mod rows;

use urlencoding::encode;

/// What everything is priced in.
const CURRENCY: &str = "GBP";
/// The store that sells everything.
const STORE: &str = "online";
/// The country it is in.
const HOME: &str = "United Kingdom";

/// The store of a country.
fn store_of(country: &str) -> String {
    if country == HOME {
        return STORE.to_owned();
    }
    let slug: String =
        country.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    format!("{STORE}-{slug}")
}

/// The path of a command on stock.
fn stock(store: &str, sku: &str, command: &str) -> String {
    format!("/v1/inventory/{}/{}/{command}", encode(store), encode(sku))
}
