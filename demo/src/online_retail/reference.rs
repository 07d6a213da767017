//! Reference answers, and how they compare.

use std::fs::File;
use std::path::Path;

use anyhow::Context as _;
use flate2::read::MultiGzDecoder;
use rust_decimal::Decimal;
use serde_json::Value;

/// The reference file, and the tables beside it if they are there.
pub(crate) fn read(path: &Path) -> anyhow::Result<(Value, Option<Value>)> {
    let file = File::open(path).with_context(|| format!("could not open {}", path.display()))?;
    let answers = serde_json::from_reader(file).context("the reference is not JSON")?;
    let tables = match File::open(path.with_extension("tables.json.gz")) {
        Ok(file) => Some(serde_json::from_reader(MultiGzDecoder::new(file)).context("the tables are not JSON")?),
        Err(_) => None,
    };
    Ok((answers, tables))
}

/// Counts what was compared, and tells what differs.
#[derive(Default)]
pub(crate) struct Comparison {
    pub(crate) compared: usize,
    pub(crate) different: usize,
}

impl Comparison {
    /// Compares two values: numbers as numbers, however they are written.
    pub(crate) fn same(&mut self, what: &str, expected: &Value, found: &Value) {
        self.compared += 1;
        let equal = match (number(expected), number(found)) {
            (Some(expected), Some(found)) => expected == found,
            _ => expected == found,
        };
        if !equal {
            self.different += 1;
            println!("{what}: expected {expected}, found {found}");
        }
    }

    /// Compares the fields of an object that `found` has a value for.
    pub(crate) fn fields(&mut self, what: &str, expected: &Value, found: impl Fn(&str) -> Option<Value>) {
        for (field, expected) in expected.as_object().into_iter().flatten() {
            if let Some(found) = found(field) {
                self.same(&format!("{what}.{field}"), expected, &found);
            }
        }
    }
}

/// A number, whether it is written as one or as text.
pub(crate) fn number(value: &Value) -> Option<Decimal> {
    match value {
        Value::Number(number) => number.to_string().parse().ok(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}
