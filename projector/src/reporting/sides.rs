//! From which sides an entry is looked at: the rows of sums it belongs to as a whole. Products and categories are its lines' own.

use domain::values::zone::business_day;

use super::entry::{Entry, Place};
use super::rows::{Article, Store};

/// Corrections of stock in a store that the catalog does not know have none.
const NO_CURRENCY: &str = "";

/// Dimension and value of each side.
pub(super) fn of(entry: &Entry, place: &Place, store: Option<&Store>) -> [(&'static str, String); 8] {
    let day = business_day(entry.at, store.and_then(|store| store.time_zone.as_deref()));
    [
        ("all", String::new()),
        ("day", day.to_string()),
        ("week", day.format("%G-W%V").to_string()),
        ("month", day.format("%Y-%m").to_string()),
        ("country", place.country.clone()),
        ("store", place.store.clone()),
        ("channel", entry.kind.channel().to_owned()),
        ("customer", place.customer.clone()),
    ]
}

/// Whether customers are counted on that side.
pub(super) fn counts_buyers(dimension: &str) -> bool {
    dimension != "customer"
}

/// The category of a line whose product the catalog puts there; '' for none.
pub(super) fn category(article: Option<&Article>) -> String {
    article.map(|article| article.category.clone()).unwrap_or_default()
}

/// Where a correction of stock counts.
pub(super) fn adjusted_in(store: &str, opened: Option<&Store>) -> Place {
    let (country, currency) = opened.map_or_else(
        || (String::new(), NO_CURRENCY.to_owned()),
        |opened| (opened.country.clone(), opened.currency.clone()),
    );
    Place { store: store.to_owned(), country, customer: String::new(), currency }
}
