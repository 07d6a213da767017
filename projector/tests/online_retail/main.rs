//! Half a year of a gift shop's invoices, folded, against answers that another program computed from the same file.
#![cfg(test)]

mod checks;
#[path = "../folding/mod.rs"]
mod folding;
mod lines;
mod lists;
mod reference;
mod shop;
mod sums;
