//! How an entry moves the sums: once for its document, once for each side it is looked at from, once for each product.

use chrono::{DateTime, Utc};

use super::entry::{Entry, Kind, Line, Origin, Place};
use super::rows::{Buyer, Document, Figures, Product, RevenueRows, Store};
use super::sums::Sums;
use crate::ApplyError;

/// ISO 4217's code for "no currency".
const NO_CURRENCY: &str = "XXX";

/// How many documents an entry is the first of, by what it first shows.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Documents {
    pub(super) sale: i64,
    pub(super) with_sale: i64,
    pub(super) with_free: i64,
    pub(super) refund: i64,
    pub(super) adjustment: i64,
    pub(super) bad_debt: i64,
}

/// Wants the rows that the entry will change, as far as is known; complete once the rows wanted before are loaded.
pub(super) fn want(entry: &Entry, rows: &mut RevenueRows) {
    let place = match &entry.origin {
        Origin::Told(place) => {
            if let Some(key) = document_key(entry) {
                rows.document.foresee(key.clone(), || Document::opened(key, place, entry.at));
            }
            Some(place.clone())
        }
        Origin::AsOn(kind, id) => {
            let key = (kind.name().to_owned(), id.clone());
            let place = rows.document.peek(&key).map(place_on);
            rows.document.want(key);
            place
        }
        Origin::InStore(store) => {
            let place = adjusted_in(store, rows.store.peek(store));
            rows.store.want(store.clone());
            Some(place)
        }
    };
    if let Some(key) = document_key(entry) {
        rows.document.want(key);
    }
    for line in &entry.lines {
        rows.product.want(line.sku.clone());
    }
    if let Some(place) = place {
        want_place(entry, &place, rows);
    }
}

fn want_place(entry: &Entry, place: &Place, rows: &mut RevenueRows) {
    for line in &entry.lines {
        rows.figures.want(("product".to_owned(), line.sku.clone(), place.currency.clone()));
    }
    for (dimension, value) in sides(place, entry.at) {
        if let Some(customer) = buyer(entry, place).filter(|_| counts_buyers(dimension)) {
            rows.buyer.want((place.currency.clone(), dimension.to_owned(), value.clone(), customer.to_owned()));
        }
        rows.figures.want((dimension.to_owned(), value, place.currency.clone()));
    }
}

/// Counts the entry everywhere.
pub(super) fn book(entry: &Entry, rows: &mut RevenueRows) -> Result<(), ApplyError> {
    let place = place_of(entry, rows)?;
    let mut sums = Sums::default();
    for line in &entry.lines {
        sums += line.sums;
        book_line(line, &place, rows)?;
    }
    let documents = book_document(entry, &place, &sums, rows)?;
    let sides = sides(&place, entry.at);
    let mut arrival = false;
    if let Some(customer) = buyer(entry, &place) {
        arrival = meet(customer, &place.currency, &sides, rows)?;
    }
    for (dimension, value) in sides {
        let figures = figures(dimension, value, &place.currency, rows)?;
        figures.add(&sums);
        figures.count(documents);
        if arrival {
            figures.arrived();
        }
    }
    Ok(())
}

fn book_line(line: &Line, place: &Place, rows: &mut RevenueRows) -> Result<(), ApplyError> {
    figures("product", line.sku.clone(), &place.currency, rows)?.add(&line.sums);
    let product = rows.product.entry(line.sku.clone(), || Product::unseen(&line.sku))?;
    product.see(&line.description, line.price);
    Ok(())
}

/// Notes the document, and says what it shows for the first time.
fn book_document(entry: &Entry, place: &Place, sums: &Sums, rows: &mut RevenueRows) -> Result<Documents, ApplyError> {
    let Some(key) = document_key(entry) else { return Ok(Documents::default()) };
    let mut documents = Documents::default();
    if rows.document.get(&key)?.is_none() {
        match entry.kind {
            Kind::Sale => documents.sale = 1,
            Kind::Return | Kind::Refund => documents.refund = 1,
            Kind::Adjustment => documents.adjustment = 1,
            Kind::BadDebt => documents.bad_debt = 1,
        }
    }
    let document = rows.document.entry(key.clone(), || Document::opened(key, place, entry.at))?;
    documents.with_sale = i64::from(sums.sold.lines > 0 && !document.with_sale);
    documents.with_free = i64::from(sums.free.lines > 0 && !document.with_free);
    document.add(sums);
    Ok(documents)
}

/// Counts the customer where it was not seen before; true when it was not seen anywhere.
fn meet(
    customer: &str,
    currency: &str,
    sides: &[(&'static str, String)],
    rows: &mut RevenueRows,
) -> Result<bool, ApplyError> {
    let mut arrival = false;
    for (dimension, value) in sides.iter().filter(|(dimension, _)| counts_buyers(dimension)) {
        let key = (currency.to_owned(), (*dimension).to_owned(), value.clone(), customer.to_owned());
        if rows.buyer.get(&key)?.is_none() {
            let (currency, dimension, value, customer) = key;
            figures(&dimension, value.clone(), &currency, rows)?.met();
            arrival |= dimension == "all";
            rows.buyer.insert(Buyer { currency, dimension, value, customer })?;
        }
    }
    Ok(arrival)
}

fn figures<'a>(
    dimension: &str,
    value: String,
    currency: &str,
    rows: &'a mut RevenueRows,
) -> Result<&'a mut Figures, ApplyError> {
    let key = (dimension.to_owned(), value, currency.to_owned());
    rows.figures.entry(key.clone(), || Figures::nothing(key))
}

fn place_of(entry: &Entry, rows: &RevenueRows) -> Result<Place, ApplyError> {
    match &entry.origin {
        Origin::Told(place) => Ok(place.clone()),
        Origin::AsOn(kind, id) => {
            let key = (kind.name().to_owned(), id.clone());
            let document = rows.document.get(&key)?;
            document
                .map(place_on)
                .ok_or_else(|| ApplyError::new(format!("the {} that it belongs to does not exist", kind.name())))
        }
        Origin::InStore(store) => Ok(adjusted_in(store, rows.store.get(store)?)),
    }
}

fn place_on(document: &Document) -> Place {
    Place {
        store: document.store.clone(),
        country: document.country.clone(),
        customer: document.customer.clone(),
        currency: document.currency.clone(),
    }
}

fn adjusted_in(store: &str, opened: Option<&Store>) -> Place {
    let (country, currency) = opened.map_or_else(
        || (String::new(), NO_CURRENCY.to_owned()),
        |opened| (opened.country.clone(), opened.currency.clone()),
    );
    Place { store: store.to_owned(), country, customer: String::new(), currency }
}

fn document_key(entry: &Entry) -> Option<(String, String)> {
    entry.document.as_ref().map(|id| (entry.kind.name().to_owned(), id.clone()))
}

/// The rows of sums an entry belongs to as a whole; its products are its lines' own.
fn sides(place: &Place, at: DateTime<Utc>) -> [(&'static str, String); 6] {
    let (day, month) = periods(at);
    [
        ("all", String::new()),
        ("day", day),
        ("month", month),
        ("country", place.country.clone()),
        ("store", place.store.clone()),
        ("customer", place.customer.clone()),
    ]
}

fn periods(at: DateTime<Utc>) -> (String, String) {
    let day = at.date_naive().to_string();
    let month = day.rfind('-').map_or_else(String::new, |end| day[..end].to_owned());
    (day, month)
}

fn counts_buyers(dimension: &str) -> bool {
    dimension != "customer"
}

/// The customer who bought, if any: known from the sale's first event alone, so that adding lines later needs no row that could not
/// be asked for.
fn buyer<'a>(entry: &Entry, place: &'a Place) -> Option<&'a str> {
    let first = entry.kind == Kind::Sale && matches!(entry.origin, Origin::Told(_));
    (first && !place.customer.is_empty()).then_some(place.customer.as_str())
}
