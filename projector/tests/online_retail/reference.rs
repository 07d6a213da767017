//! The file, its reference answers, and our rows for it; folded once for all tests.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::PathBuf;
use std::sync::LazyLock;

use flate2::read::GzDecoder;
use projector::reporting::{self, Figures, Reporting};
use projector::sales::{RefundLine, Sale, SaleLine, Sales};
use serde_json::Value;

use crate::folding::fold;
use crate::shop;

/// What was computed elsewhere, and what we make of the same file.
pub(crate) struct Answers {
    pub(crate) reference: Value,
    pub(crate) tables: Value,
    pub(crate) file_lines: BTreeMap<(i64, i32), i64>,
    pub(crate) products: BTreeMap<String, reporting::Product>,
    pub(crate) documents: BTreeMap<String, reporting::Document>,
    pub(crate) sales: Vec<Sale>,
    pub(crate) sale_lines: Vec<SaleLine>,
    /// In the order of the log.
    pub(crate) refund_lines: Vec<RefundLine>,
    figures: HashMap<(String, String), Figures>,
}

/// `None`, and a word about it, where the data is not beside the workspace.
pub(crate) fn answers() -> Option<&'static Answers> {
    static ANSWERS: LazyLock<Option<Answers>> = LazyLock::new(compute);
    ANSWERS.as_ref()
}

fn compute() -> Option<Answers> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/online-retail");
    if !folder.exists() {
        eprintln!("skipped: there is no {}", folder.display());
        return None;
    }
    let (events, file_lines) = shop::log(&folder.join("dev.csv.gz"));
    let figures = fold(&Reporting, &events);
    let sales = fold(&Sales, &events);
    let tables = GzDecoder::new(File::open(folder.join("reference/dev.tables.json.gz")).unwrap());
    let mut refund_lines: Vec<RefundLine> = sales.refund_line.iter().cloned().collect();
    refund_lines.sort_by_key(|row| (row.position, row.line));
    Some(Answers {
        reference: serde_json::from_reader(File::open(folder.join("reference/dev.json")).unwrap()).unwrap(),
        tables: serde_json::from_reader(tables).unwrap(),
        file_lines,
        products: figures.product.iter().map(|row| (row.sku.clone(), row.clone())).collect(),
        documents: figures.document.iter().map(|row| (row.id.clone(), row.clone())).collect(),
        sales: sales.sale.iter().cloned().collect(),
        sale_lines: sales.sale_line.iter().cloned().collect(),
        refund_lines,
        figures: figures.figures.iter().map(|row| ((row.dimension.clone(), row.value.clone()), row.clone())).collect(),
    })
}

impl Answers {
    pub(crate) fn figures(&self, dimension: &str, value: &str) -> &Figures {
        &self.figures[&(dimension.to_owned(), value.to_owned())]
    }

    pub(crate) fn of(&self, dimension: &str) -> Vec<&Figures> {
        self.figures.values().filter(|row| row.dimension == dimension).collect()
    }
}
