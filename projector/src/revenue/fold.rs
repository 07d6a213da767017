//! How an entry moves the sums: once for its document, once for each side it is looked at from, once for each product.

use chrono::{DateTime, Utc};

use super::entry::{Entry, Kind, Line, Origin, Place};
use super::rows::{Buyer, Document, Figures, Product, RevenueRows};
use super::sums::Sums;
use crate::ApplyError;

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
    if let Some(key) = document_key(entry) {
        rows.document.want(key);
    }
    for line in &entry.lines {
        rows.figures.want(("product".to_owned(), line.sku.clone()));
        rows.product.want(line.sku.clone());
    }
    match &entry.origin {
        Origin::Told(place) => want_place(entry, place, rows),
        Origin::AsOn(kind, id) => {
            let key = (kind.name().to_owned(), id.clone());
            if let Some(place) = rows.document.peek(&key).map(place_on) {
                want_place(entry, &place, rows);
            } else {
                // Where a document of this same batch belongs, its own entry wants; when this entry is, only this one knows.
                let (day, month) = periods(entry.at);
                rows.figures.want(("day".to_owned(), day));
                rows.figures.want(("month".to_owned(), month));
                rows.document.want(key);
            }
        }
        Origin::InStore(store) => {
            let country = rows.store.peek(store).map(|row| row.country.clone()).unwrap_or_default();
            rows.store.want(store.clone());
            want_place(entry, &adjusted_in(store, country), rows);
        }
    }
}

fn want_place(entry: &Entry, place: &Place, rows: &mut RevenueRows) {
    for (dimension, value) in sides(place, entry.at) {
        if let Some(customer) = buyer(entry, place).filter(|_| counts_buyers(dimension)) {
            rows.buyer.want((dimension.to_owned(), value.clone(), customer.to_owned()));
        }
        rows.figures.want((dimension.to_owned(), value));
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
        arrival = meet(customer, &sides, rows)?;
    }
    for (dimension, value) in sides {
        let figures = figures(dimension, value, rows)?;
        figures.add(&sums, place.currency.as_deref());
        figures.count(documents);
        if arrival {
            figures.arrived();
        }
    }
    Ok(())
}

fn book_line(line: &Line, place: &Place, rows: &mut RevenueRows) -> Result<(), ApplyError> {
    figures("product", line.sku.clone(), rows)?.add(&line.sums, place.currency.as_deref());
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
fn meet(customer: &str, sides: &[(&'static str, String)], rows: &mut RevenueRows) -> Result<bool, ApplyError> {
    let mut arrival = false;
    for (dimension, value) in sides.iter().filter(|(dimension, _)| counts_buyers(dimension)) {
        let key = ((*dimension).to_owned(), value.clone(), customer.to_owned());
        if rows.buyer.get(&key)?.is_none() {
            rows.buyer.insert(Buyer { dimension: key.0, value: key.1, customer: key.2 })?;
            figures(dimension, value.clone(), rows)?.met();
            arrival |= *dimension == "all";
        }
    }
    Ok(arrival)
}

fn figures<'a>(dimension: &str, value: String, rows: &'a mut RevenueRows) -> Result<&'a mut Figures, ApplyError> {
    let key = (dimension.to_owned(), value);
    rows.figures.entry(key.clone(), || Figures::nothing(key.0, key.1))
}

fn place_of(entry: &Entry, rows: &RevenueRows) -> Result<Place, ApplyError> {
    match &entry.origin {
        Origin::Told(place) => Ok(place.clone()),
        Origin::AsOn(kind, id) => {
            let key = (kind.name().to_owned(), id.clone());
            let document = rows.document.get(&key)?;
            document
                .map(place_on)
                .ok_or_else(|| ApplyError::new(format!("there is no {} {id} before this", kind.name())))
        }
        Origin::InStore(store) => {
            let country = rows.store.get(store)?.map(|row| row.country.clone()).unwrap_or_default();
            Ok(adjusted_in(store, country))
        }
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

fn adjusted_in(store: &str, country: String) -> Place {
    Place { store: store.to_owned(), country, customer: String::new(), currency: None }
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
