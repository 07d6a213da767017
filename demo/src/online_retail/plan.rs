//! Rows become commands. The same file always becomes the same commands, one by one: that is what makes sending it again safe.

use std::collections::{HashSet, VecDeque};

use anyhow::Context as _;
use serde_json::{Value, json};
use urlencoding::encode;

use super::overview::Overview;
use super::rows::{Kind, Row};
use super::{CURRENCY, HOME, STORE, stock, store_of};
use crate::client::Command;

/// Most lines in one command.
const MAX_LINES: usize = 500;
/// What an adjustment gives as a reason where the file says nothing.
const UNSTATED: &str = "unstated";

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
        Self {
            overview,
            rows,
            number: 0,
            known: HashSet::new(),
            opened: HashSet::new(),
            begun: HashSet::new(),
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
        let lines: Vec<Value> = rows.iter().map(Row::line).collect();
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

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
