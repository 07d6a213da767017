//! The rows of a file in the Online Retail format.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::Context as _;
use flate2::read::MultiGzDecoder;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// A row, as published.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Row {
    pub(crate) invoice_no: String,
    pub(crate) stock_code: String,
    pub(crate) description: String,
    pub(crate) quantity: i64,
    /// `YYYY-MM-DD HH:MM:SS`, taken for UTC.
    pub(crate) invoice_date: String,
    pub(crate) unit_price: Decimal,
    #[serde(rename = "CustomerID")]
    pub(crate) customer: String,
    pub(crate) country: String,
}

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Sold, or given away at price 0.
    Sale,
    /// Stock that was lost, found or miscounted.
    Adjustment,
    /// Brought back: the invoice begins with C.
    Return,
    /// Bad debt: the invoice begins with A.
    BadDebt,
}

impl Row {
    pub(crate) fn kind(&self) -> Kind {
        match self.invoice_no.as_bytes().first() {
            Some(b'C') => Kind::Return,
            Some(b'A') => Kind::BadDebt,
            _ if self.quantity < 0 => Kind::Adjustment,
            _ => Kind::Sale,
        }
    }

    /// A line of a command; what is brought back is told in units that come in.
    pub(crate) fn line(&self) -> Value {
        let quantity = if self.kind() == Kind::Return { -self.quantity } else { self.quantity };
        json!({ "sku": self.stock_code, "description": self.description, "quantity": quantity, "unit_price": self.unit_price })
    }

    /// The time as the APIs take it.
    pub(crate) fn at(&self) -> String {
        format!("{}Z", self.invoice_date.replacen(' ', "T", 1))
    }
}

/// An article number, as against postage, bank charges, vouchers …
pub(crate) fn is_product(code: &str) -> bool {
    let letters = code.trim_start_matches(|c: char| c.is_ascii_digit());
    code.len() - letters.len() == 5 && letters.len() <= 2 && letters.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// The rows of a file, plain or compressed.
pub(crate) fn read(path: &Path) -> anyhow::Result<impl Iterator<Item = anyhow::Result<Row>>> {
    let rows = csv::Reader::from_reader(open(path)?).into_deserialize();
    Ok(rows.enumerate().map(|(number, row)| row.with_context(|| format!("row {} of the file", number + 1))))
}

/// Names a file by its content: 16 hex digits.
pub(crate) fn digest(path: &Path) -> anyhow::Result<String> {
    let mut hash = Sha256::new();
    std::io::copy(&mut open(path)?, &mut hash)?;
    let hash = format!("{:x}", hash.finalize());
    Ok(hash.chars().take(16).collect())
}

fn open(path: &Path) -> anyhow::Result<Box<dyn Read>> {
    let file = File::open(path).with_context(|| format!("could not open {}", path.display()))?;
    Ok(if path.extension().is_some_and(|extension| extension == "gz") {
        Box::new(MultiGzDecoder::new(file))
    } else {
        Box::new(file)
    })
}
