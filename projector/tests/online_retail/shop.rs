//! A gift shop's invoices as events, in file order: the way a bulk import would have decided them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;

use chrono::{DateTime, NaiveDateTime, Utc};
use domain::Decimal;
use domain::catalog::store;
use domain::inventory::stock_item;
use domain::sales::purchases::{self, Purchases};
use domain::sales::returns::{self, JudgedLine};
use domain::sales::{Line, bad_debt, sale};
use event_store::Recorded;
use flate2::read::GzDecoder;
use serde::Deserialize;

use crate::folding::Log;

#[derive(Debug, Clone, Deserialize)]
struct Row {
    #[serde(rename = "InvoiceNo")]
    invoice: String,
    #[serde(rename = "StockCode")]
    sku: String,
    #[serde(rename = "Description")]
    description: String,
    #[serde(rename = "Quantity")]
    quantity: i64,
    #[serde(rename = "InvoiceDate")]
    date: String,
    #[serde(rename = "UnitPrice")]
    price: Decimal,
    #[serde(rename = "CustomerID")]
    customer: Option<String>,
    #[serde(rename = "Country")]
    country: String,
}

/// The one store of the data.
pub(crate) const STORE: &str = "online";

#[derive(Default)]
struct Shop {
    log: Log,
    purchases: BTreeMap<String, Purchases>,
    known: BTreeSet<String>,
    /// A line of the file per refund line, by where the refund line is in the log.
    refunds: BTreeMap<(i64, i32), i64>,
}

/// The log that the file makes, and the file's line of each refund line.
pub(crate) fn log(file: &Path) -> (Vec<Recorded>, BTreeMap<(i64, i32), i64>) {
    let mut shop = Shop::default();
    let opened = store::Event::Opened {
        name: "Online".to_owned(),
        country: "United Kingdom".to_owned(),
        currency: gbp(),
        time_zone: None,
        at: time("2010-01-01 00:00:00"),
    };
    shop.log.record("store", STORE, &opened);
    let mut chunk: Vec<Row> = vec![];
    let mut line = 0;
    for row in csv::Reader::from_reader(GzDecoder::new(File::open(file).unwrap())).deserialize::<Row>() {
        let row = row.unwrap();
        if chunk.first().is_some_and(|first| first.invoice != row.invoice || first.date != row.date) {
            shop.take(std::mem::take(&mut chunk), line);
        }
        line += 1;
        chunk.push(row);
    }
    shop.take(chunk, line);
    (shop.log.events, shop.refunds)
}

impl Shop {
    /// Rows of one invoice and time; `last` is the last one's line in the file.
    fn take(&mut self, chunk: Vec<Row>, last: i64) {
        let invoice = chunk[0].invoice.clone();
        let first = last + 1 - i64::try_from(chunk.len()).unwrap();
        match invoice.as_bytes()[0] {
            b'C' => self.take_back(invoice, chunk, first),
            b'A' => self.write_off(&invoice, chunk),
            _ if chunk[0].quantity < 0 => chunk.into_iter().for_each(|row| self.adjust(row)),
            _ => self.sell(invoice, chunk),
        }
    }

    fn sell(&mut self, invoice: String, chunk: Vec<Row>) {
        let (customer, country, at) = head(&chunk);
        let lines: Vec<Line> = chunk.into_iter().map(line).collect();
        let units = lines.iter().map(Line::units).collect();
        if let Some(customer) = &customer {
            let bought = purchases::Event::Bought { sale: invoice.clone(), currency: Some(gbp()), units, at };
            self.purchases.entry(customer.clone()).or_default().evolve(bought);
        }
        let event = if self.known.insert(invoice.clone()) {
            sale::Event::Recorded { store: STORE.to_owned(), customer, country, currency: gbp(), lines, at }
        } else {
            sale::Event::LinesAdded { lines, at }
        };
        self.log.record("sale", &invoice, &event);
    }

    fn take_back(&mut self, invoice: String, chunk: Vec<Row>, first: i64) {
        let (customer, country, at) = head(&chunk);
        let lines: Vec<Line> = chunk.into_iter().map(|row| line(Row { quantity: -row.quantity, ..row })).collect();
        let outcomes = self.judge(customer.as_deref(), &invoice, &lines, at);
        let lines: Vec<JudgedLine> =
            lines.into_iter().zip(outcomes).map(|(line, outcome)| JudgedLine::new(line, outcome)).collect();
        let position = self.log.next();
        self.refunds.extend((1..).zip(first..).take(lines.len()).map(|(line, row)| ((position, line), row)));
        let event = if self.known.insert(invoice.clone()) {
            returns::Event::Recorded { customer, store: STORE.to_owned(), country, currency: gbp(), lines, at }
        } else {
            returns::Event::LinesAdded { lines, at }
        };
        self.log.record("return", &invoice, &event);
    }

    fn judge(
        &mut self,
        customer: Option<&str>,
        document: &str,
        lines: &[Line],
        at: DateTime<Utc>,
    ) -> Vec<purchases::Outcome> {
        let Some(customer) = customer else { return vec![purchases::Outcome::Unjudged; lines.len()] };
        let purchases = self.purchases.entry(customer.to_owned()).or_default();
        let claims = lines.iter().map(|line| (line.sku.as_str(), line.quantity, line.amount()));
        let outcomes = purchases.judge(&gbp(), claims);
        let accepted = lines.iter().zip(&outcomes).filter(|(_, outcome)| **outcome == purchases::Outcome::Accepted);
        let units = accepted.map(|(line, _)| line.units()).collect();
        let (document, currency) = (document.to_owned(), gbp());
        let back = purchases::Command::Return { document, receipt: false, currency, units, at };
        for event in purchases.decide(back).unwrap() {
            purchases.evolve(event);
        }
        outcomes
    }

    fn write_off(&mut self, invoice: &str, chunk: Vec<Row>) {
        let (customer, country, at) = head(&chunk);
        let lines = chunk
            .into_iter()
            .map(|row| bad_debt::BadDebtLine {
                sku: row.sku,
                description: row.description,
                quantity: row.quantity,
                unit_price: row.price,
            })
            .collect();
        let store = STORE.to_owned();
        let event = bad_debt::Event::Recorded { store, customer, country, currency: gbp(), lines, at };
        self.log.record("bad_debt", invoice, &event);
    }

    fn adjust(&mut self, row: Row) {
        let reason = if row.description.trim().is_empty() { "unstated".to_owned() } else { row.description };
        let at = time(&row.date);
        let event = stock_item::Event::Adjusted { quantity: row.quantity, reason, document: Some(row.invoice), at };
        self.log.record("stock_item", &format!("{STORE}/{}", row.sku), &event);
    }
}

fn head(chunk: &[Row]) -> (Option<String>, String, DateTime<Utc>) {
    (chunk[0].customer.clone().filter(|customer| !customer.is_empty()), chunk[0].country.clone(), time(&chunk[0].date))
}

fn line(row: Row) -> Line {
    Line { sku: row.sku, description: row.description, quantity: row.quantity, unit_price: row.price }
}

fn gbp() -> String {
    "GBP".to_owned()
}

fn time(text: &str) -> DateTime<Utc> {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").unwrap().and_utc()
}
