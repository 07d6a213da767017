//! Rows become commands. The same file always becomes the same commands, one by one: that is what makes sending it again safe.

use std::collections::{HashMap, HashSet, VecDeque};

use anyhow::Context as _;
use serde_json::{Value, json};
use urlencoding::encode;

use crate::client::Command;
use crate::rows::{Kind, Row, is_product};

/// Most lines in one command.
const MAX_LINES: usize = 500;
/// What everything is priced in.
pub(crate) const CURRENCY: &str = "GBP";
/// The store that sells everything.
pub(crate) const STORE: &str = "online";
/// The country it is in.
const HOME: &str = "United Kingdom";
/// What an adjustment gives as a reason where the file says nothing.
const UNSTATED: &str = "unstated";

/// What must be known of the whole file before its first row is sent.
#[derive(Debug, Default)]
pub(crate) struct Overview {
    /// Units of each stocked product that must be there at the beginning, so that it never runs out.
    opening: HashMap<String, i64>,
    /// Number of the last row of each sale.
    last_row: HashMap<String, u64>,
    stores: HashSet<String>,
}

impl Overview {
    /// Reads the file once.
    pub(crate) fn of(rows: impl Iterator<Item = anyhow::Result<Row>>) -> anyhow::Result<Self> {
        let mut overview = Self::default();
        let mut balance: HashMap<String, (i64, i64)> = HashMap::new();
        let mut adjusted = HashSet::new();
        for (number, row) in (0..).zip(rows) {
            let row = row?;
            match row.kind() {
                Kind::Sale => {
                    overview.last_row.insert(row.invoice_no.clone(), number);
                }
                Kind::Adjustment => {
                    adjusted.insert(row.stock_code.clone());
                    overview.stores.insert(store_of(&row.country));
                }
                Kind::Return | Kind::BadDebt => continue,
            }
            // What leaves in another country's store is not this one's.
            if row.kind() == Kind::Sale || store_of(&row.country) == STORE {
                let moved = if row.kind() == Kind::Sale { -row.quantity } else { row.quantity };
                let (now, lowest) = balance.entry(row.stock_code).or_default();
                *now += moved;
                *lowest = (*lowest).min(*now);
            } else {
                let elsewhere = balance.entry(format!("{}/{}", store_of(&row.country), row.stock_code)).or_default();
                elsewhere.0 += row.quantity;
                elsewhere.1 = elsewhere.1.min(elsewhere.0);
            }
        }
        let is_stocked = |code: &str| code.contains('/') || is_product(code) || adjusted.contains(code);
        overview.opening = balance
            .into_iter()
            .filter(|(code, _)| is_stocked(code))
            .map(|(code, (_, lowest))| (code, -lowest))
            .collect();
        Ok(overview)
    }
}

/// The commands of a file, in order.
pub(crate) struct Plan<R> {
    overview: Overview,
    rows: R,
    number: u64,
    known: HashSet<String>,
    opened: HashSet<String>,
    /// Documents whose first lines have been sent.
    begun: HashSet<String>,
    chunk: Vec<Row>,
    /// The number of the last row in it.
    chunk_end: u64,
    ready: VecDeque<Command>,
    ended: bool,
}

impl<R: Iterator<Item = anyhow::Result<Row>>> Plan<R> {
    pub(crate) fn new(overview: Overview, rows: R) -> Self {
        let (known, opened, begun) = (HashSet::new(), HashSet::new(), HashSet::new());
        Self {
            overview,
            rows,
            number: 0,
            known,
            opened,
            begun,
            chunk: Vec::new(),
            chunk_end: 0,
            ready: VecDeque::new(),
            ended: false,
        }
    }

    fn push(&mut self, path: String, body: Value) {
        self.ready.push_back(Command { path, body });
    }

    fn take(&mut self, row: Row) {
        let belongs = self.chunk.last().is_none_or(|last| {
            last.invoice_no == row.invoice_no
                && last.invoice_date == row.invoice_date
                && last.kind() == row.kind()
                && self.chunk.len() < MAX_LINES
        });
        if !belongs {
            self.flush();
        }
        let at = row.at();
        self.introduce(&row, &at);
        if row.kind() == Kind::Adjustment {
            self.adjust(&row, &at);
        } else {
            self.chunk_end = self.number;
            // A sale is completed right after its last line.
            let is_last = self.overview.last_row.get(&row.invoice_no) == Some(&self.number);
            self.chunk.push(row);
            if is_last {
                self.flush();
            }
        }
        self.number += 1;
    }

    /// Store and product, when they are met for the first time.
    fn introduce(&mut self, row: &Row, at: &str) {
        if self.opened.insert(STORE.to_owned()) {
            self.push(
                "/v1/catalog/stores".to_owned(),
                json!({ "id": STORE, "name": "Online shop", "country": HOME, "currency": CURRENCY, "at": at }),
            );
        }
        if !self.known.insert(row.stock_code.clone()) {
            return;
        }
        let name = if row.description.trim().is_empty() { &row.stock_code } else { row.description.trim() };
        let price = row.unit_price.max(rust_decimal::Decimal::ZERO);
        self.push(
            "/v1/catalog/products".to_owned(),
            json!({ "sku": row.stock_code, "name": name, "price": price, "currency": CURRENCY }),
        );
        if let Some(opening) = self.overview.opening.get(&row.stock_code).copied().filter(|opening| *opening > 0) {
            self.push(
                stock(STORE, &row.stock_code, "receive"),
                json!({ "quantity": opening, "document": "opening", "at": at }),
            );
        }
    }

    fn adjust(&mut self, row: &Row, at: &str) {
        let store = store_of(&row.country);
        if self.opened.insert(store.clone()) {
            self.push("/v1/catalog/stores".to_owned(), json!({ "id": store, "name": format!("Online shop, {}", row.country), "country": row.country, "currency": CURRENCY, "at": at }));
        }
        let elsewhere = format!("{store}/{}", row.stock_code);
        if store != STORE
            && self.known.insert(elsewhere.clone())
            && let Some(opening) = self.overview.opening.get(&elsewhere).copied().filter(|opening| *opening > 0)
        {
            let body = json!({ "quantity": opening, "document": "opening", "at": at });
            self.push(stock(&store, &row.stock_code, "receive"), body);
        }
        let reason = if row.description.trim().is_empty() { UNSTATED } else { &row.description };
        let body = json!({ "quantity": row.quantity, "reason": reason, "document": row.invoice_no, "at": at });
        self.push(stock(&store, &row.stock_code, "adjust"), body);
    }

    fn flush(&mut self) {
        let rows = std::mem::take(&mut self.chunk);
        let Some(first) = rows.first() else { return };
        let (id, at, kind) = (first.invoice_no.clone(), first.at(), first.kind());
        let lines: Vec<Value> = rows.iter().map(|row| line(row, kind)).collect();
        let is_new = self.begun.insert(id.clone());
        let mut head = json!({ "id": id, "store": STORE, "country": first.country, "currency": CURRENCY, "at": at, "lines": lines });
        if !first.customer.is_empty() {
            head["customer"] = first.customer.clone().into();
        }
        let more = json!({ "lines": lines, "at": at });
        match (kind, is_new) {
            (Kind::Sale, true) => self.push("/v1/sales".to_owned(), head),
            (Kind::Sale, false) => self.push(format!("/v1/sales/{}/add-lines", encode(&id)), more),
            (Kind::Return, true) => self.push("/v1/sales/returns".to_owned(), head),
            (Kind::Return, false) => self.push(format!("/v1/sales/returns/{}/add-lines", encode(&id)), more),
            // One document cannot grow: a further part gets a number of its own.
            (Kind::BadDebt, true) => self.push("/v1/sales/bad-debts".to_owned(), head),
            (Kind::BadDebt, false) => {
                head["id"] = format!("{id}-{}", self.number).into();
                self.push("/v1/sales/bad-debts".to_owned(), head);
            }
            (Kind::Adjustment, _) => {}
        }
        if kind == Kind::Sale {
            self.issue(&rows, &id, &at);
        }
    }

    /// What was sold leaves the shelves; a complete sale is completed.
    fn issue(&mut self, rows: &[Row], invoice: &str, at: &str) {
        let mut sold: Vec<(&str, i64)> = Vec::new();
        for row in rows.iter().filter(|row| self.overview.opening.contains_key(&row.stock_code)) {
            match sold.iter_mut().find(|(sku, _)| *sku == row.stock_code) {
                Some((_, units)) => *units += row.quantity,
                None => sold.push((&row.stock_code, row.quantity)),
            }
        }
        for (sku, units) in sold {
            self.ready.push_back(Command {
                path: stock(STORE, sku, "issue"),
                body: json!({ "quantity": units, "document": invoice, "at": at }),
            });
        }
        if self.overview.last_row.get(invoice).is_some_and(|last| *last == self.chunk_end) {
            self.push(format!("/v1/sales/{}/complete", encode(invoice)), json!({ "at": at }));
        }
    }
}

impl<R: Iterator<Item = anyhow::Result<Row>>> Iterator for Plan<R> {
    type Item = anyhow::Result<Command>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(command) = self.ready.pop_front() {
                return Some(Ok(command));
            }
            if self.ended {
                return None;
            }
            match self.rows.next() {
                Some(Ok(row)) => self.take(row),
                Some(Err(error)) => return Some(Err(error).context("the file cannot be read")),
                None => {
                    self.ended = true;
                    self.flush();
                }
            }
        }
    }
}

fn line(row: &Row, kind: Kind) -> Value {
    let quantity = if kind == Kind::Return { -row.quantity } else { row.quantity };
    json!({ "sku": row.stock_code, "description": row.description, "quantity": quantity, "unit_price": row.unit_price })
}

fn store_of(country: &str) -> String {
    if country == HOME {
        return STORE.to_owned();
    }
    let slug: String =
        country.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    format!("{STORE}-{slug}")
}

fn stock(store: &str, sku: &str, command: &str) -> String {
    format!("/v1/inventory/{}/{}/{command}", encode(store), encode(sku))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(invoice: &str, sku: &str, quantity: i64, time: &str) -> Row {
        Row {
            invoice_no: invoice.to_owned(),
            stock_code: sku.to_owned(),
            description: "thing".to_owned(),
            quantity,
            invoice_date: format!("2010-12-01 {time}"),
            unit_price: "1.25".parse().unwrap(),
            customer: "17850".to_owned(),
            country: HOME.to_owned(),
        }
    }

    fn paths(rows: &[Row]) -> Vec<String> {
        let again = || rows.iter().cloned().map(Ok);
        Plan::new(Overview::of(again()).unwrap(), again()).map(|command| command.unwrap().path).collect()
    }

    #[test]
    fn a_sale_brings_its_store_product_and_stock_and_is_completed_after_its_last_row() {
        let rows = [
            row("536365", "85123A", 6, "08:26:00"),
            row("536365", "85123A", 2, "08:27:00"),
            row("C1", "85123A", -1, "09:00:00"),
        ];
        let expected = [
            "/v1/catalog/stores",
            "/v1/catalog/products",
            "/v1/inventory/online/85123A/receive",
            "/v1/sales",
            "/v1/inventory/online/85123A/issue",
            "/v1/sales/536365/add-lines",
            "/v1/inventory/online/85123A/issue",
            "/v1/sales/536365/complete",
            "/v1/sales/returns",
        ];
        assert_eq!(paths(&rows), expected);
    }

    #[test]
    fn the_opening_stock_is_just_enough() {
        let rows =
            [row("1", "22222", 5, "08:00:00"), row("2", "22222", -3, "08:01:00"), row("3", "22222", 4, "08:02:00")];
        let overview = Overview::of(rows.into_iter().map(Ok)).unwrap();
        assert_eq!(overview.opening["22222"], 12);
    }

    #[test]
    fn postage_is_not_kept_in_stock_unless_it_is_adjusted() {
        let overview = Overview::of(
            [row("1", "POST", 1, "08:00:00"), row("2", "DOT", 1, "08:00:00"), row("3", "DOT", -1, "08:00:00")]
                .into_iter()
                .map(Ok),
        )
        .unwrap();
        assert!(!overview.opening.contains_key("POST"));
        assert_eq!(overview.opening["DOT"], 2);
    }
}
