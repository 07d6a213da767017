//! How an entry moves the sums: once for its document, once for each side it is looked at from, once for each product and its category.

use super::entry::{Entry, Kind, Line, Origin, Place};
use super::rows::{Buyer, Document, Figures, Product, ReportingRows};
use super::sides::{self, adjusted_in, counts_buyers};
use super::sums::Sums;
use crate::ApplyError;

/// How many documents an entry is the first of, by what it first shows.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Documents {
    pub(super) sale: i64,
    pub(super) with_free: i64,
    pub(super) refund: i64,
    pub(super) adjustment: i64,
    pub(super) bad_debt: i64,
}

/// Wants the rows that the entry will change, as far as is known; complete once the rows wanted before are loaded.
pub(super) fn want(entry: &Entry, rows: &mut ReportingRows) {
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
        Origin::InStore(store) => Some(adjusted_in(store, rows.store.peek(store))),
    };
    if let Some(key) = document_key(entry) {
        rows.document.want(key);
    }
    if let Some(place) = place {
        rows.store.want(place.store.clone());
        want_place(entry, &place, rows);
    }
}

fn want_place(entry: &Entry, place: &Place, rows: &mut ReportingRows) {
    for line in &entry.lines {
        rows.article.want(line.sku.clone());
        rows.product.want((line.sku.clone(), place.currency.clone()));
        rows.figures.want(("product".to_owned(), line.sku.clone(), place.currency.clone()));
        // Other events of the batch may move the product to another category before this line, or after it.
        let now = sides::category(rows.article.peek(&line.sku));
        let moved = rows.article.foreseen_changes(&line.sku).map(|article| article.category.clone());
        for category in moved.chain([now]) {
            rows.figures.want(("category".to_owned(), category, place.currency.clone()));
        }
    }
    // The store's time zone says which day it is. What is foreseen of the store may happen later in the batch than this entry, which then
    // counts where it would without a store.
    let opened = sides::of(entry, place, rows.store.peek(&place.store));
    for (dimension, value) in opened.into_iter().chain(sides::of(entry, place, None)) {
        if let Some(customer) = buyer(entry, place).filter(|_| counts_buyers(dimension)) {
            rows.buyer.want((place.currency.clone(), dimension.to_owned(), value.clone(), customer.to_owned()));
        }
        rows.figures.want((dimension.to_owned(), value, place.currency.clone()));
    }
}

/// Counts the entry everywhere.
pub(super) fn book(entry: &Entry, rows: &mut ReportingRows) -> Result<(), ApplyError> {
    let place = place_of(entry, rows)?;
    let mut sums = Sums::default();
    for line in &entry.lines {
        sums += line.sums;
        book_line(line, &place, rows)?;
    }
    let documents = book_document(entry, &place, &sums, rows)?;
    let sides = sides::of(entry, &place, rows.store.get(&place.store)?);
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

fn book_line(line: &Line, place: &Place, rows: &mut ReportingRows) -> Result<(), ApplyError> {
    figures("product", line.sku.clone(), &place.currency, rows)?.add(&line.sums);
    let category = sides::category(rows.article.get(&line.sku)?);
    figures("category", category, &place.currency, rows)?.add(&line.sums);
    let key = (line.sku.clone(), place.currency.clone());
    rows.product.entry(key.clone(), || Product::unseen(key))?.see(&line.description, line.price);
    Ok(())
}

/// Notes the document, and says what it shows for the first time.
fn book_document(entry: &Entry, place: &Place, sums: &Sums, rows: &mut ReportingRows) -> Result<Documents, ApplyError> {
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
    documents.with_free = i64::from(sums.free.lines > 0 && !document.with_free);
    document.add(sums);
    Ok(documents)
}

/// Counts the customer where it was not seen before; true when it was not seen anywhere.
fn meet(
    customer: &str,
    currency: &str,
    sides: &[(&'static str, String)],
    rows: &mut ReportingRows,
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
    rows: &'a mut ReportingRows,
) -> Result<&'a mut Figures, ApplyError> {
    let key = (dimension.to_owned(), value, currency.to_owned());
    rows.figures.entry(key.clone(), || Figures::nothing(key))
}

fn place_of(entry: &Entry, rows: &ReportingRows) -> Result<Place, ApplyError> {
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

fn document_key(entry: &Entry) -> Option<(String, String)> {
    entry.document.as_ref().map(|id| (entry.kind.name().to_owned(), id.clone()))
}

/// The customer who bought, if any: known from the sale's first event alone, so that adding lines later needs no row that could not
/// be asked for.
fn buyer<'a>(entry: &Entry, place: &'a Place) -> Option<&'a str> {
    let first = entry.kind == Kind::Sale && matches!(entry.origin, Origin::Told(_));
    (first && !place.customer.is_empty()).then_some(place.customer.as_str())
}
