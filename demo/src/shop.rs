//! A small shop of invented data: the same each time, and safe to run again.

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::Apis;
use crate::client::{Annals, Command};

const ARTICLES: &[(&str, &str, &str)] = &[
    ("MUG-01", "Stoneware mug, blue", "kitchen"),
    ("MUG-02", "Stoneware mug, sand", "kitchen"),
    ("POT-01", "Teapot for four", "kitchen"),
    ("TEA-01", "Breakfast tea, 100 g", "food"),
    ("TEA-02", "Green tea, 100 g", "food"),
    ("JAM-01", "Plum jam", "food"),
    ("BAG-01", "Shopping bag, striped", "bags"),
    ("BAG-02", "Rucksack, olive", "bags"),
    ("LMP-01", "Reading lamp", "living"),
    ("CND-01", "Beeswax candle", "living"),
    ("CUS-01", "Cushion, wool", "living"),
    ("PEN-01", "Fountain pen", "paper"),
    ("NTB-01", "Notebook, squared", "paper"),
    ("CRD-01", "Postcards, set of ten", "paper"),
];
const STORES: &[(&str, &str, &str)] =
    &[("high-street", "High Street", "Ireland"), ("rue-haute", "Rue Haute", "France")];
/// Another one than that of the shop whose file can be loaded: the figures of both can then be told apart.
const CURRENCY: &str = "EUR";
const CUSTOMERS: &[&str] = &["ada", "blaise", "carl", "dorothy", "emmy"];
const SALES: usize = 100;

pub(crate) async fn run(apis: &Apis) -> anyhow::Result<ExitCode> {
    let annals = Annals::new(apis)?;
    let mut commands = opening();
    commands.extend((0..SALES).flat_map(sale));
    commands.extend(taking_back());
    let answers = annals.send(&commands, |number| format!("shop-{number}")).await?;
    let mut surprises = 0;
    for (command, answer) in commands.iter().zip(&answers) {
        // One refund asks for more than was sold; a later run finds everything there.
        let is_meant = answer.is_ok()
            || answer.code() == "sales.refund_exceeds_sold"
            || answer.code().ends_with("_exists")
            || answer.code() == "sales.sale_complete";
        if !is_meant {
            surprises += 1;
            eprintln!("refused: {} {}: {} {}", command.path, command.body, answer.status, answer.body);
        }
    }
    println!(
        "a small shop: {} stores, {} products, {SALES} sales, a refund, a refused refund, two returns without receipt ({} commands)",
        STORES.len(),
        ARTICLES.len(),
        commands.len()
    );
    Ok(if surprises == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn command(path: impl Into<String>, body: Value) -> Command {
    Command { path: path.into(), body }
}

fn price(article: usize) -> String {
    format!("{}.{}", 2 + article * 3 % 17, 50 + article % 2 * 45)
}

fn opening() -> Vec<Command> {
    let mut commands: Vec<_> = STORES
        .iter()
        .map(|(id, name, country)| {
            command("/v1/catalog/stores", json!({ "id": id, "name": name, "country": country, "currency": CURRENCY }))
        })
        .collect();
    for (article, (sku, name, category)) in ARTICLES.iter().enumerate() {
        let body =
            json!({ "sku": sku, "name": name, "category": category, "price": price(article), "currency": CURRENCY });
        commands.push(command("/v1/catalog/products", body));
        for (store, _, _) in STORES {
            commands.push(command(
                format!("/v1/inventory/{store}/{sku}/receive"),
                json!({ "quantity": 30, "document": "opening" }),
            ));
            commands.push(command(format!("/v1/inventory/{store}/{sku}/set-reorder-level"), json!({ "level": 20 })));
        }
    }
    commands
}

/// A sale of two articles, and the units leaving the shelves.
fn sale(number: usize) -> Vec<Command> {
    let (store, _, country) = STORES[number % STORES.len()];
    let articles = [number % ARTICLES.len(), (number * 5 + 3) % ARTICLES.len()];
    let quantity = |article: usize| 1 + (number + article) % 3;
    let line = |article: usize| {
        let (sku, name, _) = ARTICLES[article];
        json!({ "sku": sku, "description": name, "quantity": quantity(article), "unit_price": price(article) })
    };
    let mut body = json!({ "id": format!("S{number:04}"), "store": store, "country": country, "currency": CURRENCY, "complete": true,
        "lines": articles.map(line) });
    if number % 4 != 3 {
        body["customer"] = CUSTOMERS[number % CUSTOMERS.len()].into();
    }
    let issue = |article: usize| {
        let (sku, _, _) = ARTICLES[article];
        command(
            format!("/v1/inventory/{store}/{sku}/issue"),
            json!({ "quantity": quantity(article), "document": format!("S{number:04}") }),
        )
    };
    [command("/v1/sales", body)].into_iter().chain(articles.map(issue)).collect()
}

fn taking_back() -> Vec<Command> {
    let back = |id: &str, sku: &str, quantity: i64| {
        json!({ "id": id, "customer": "ada", "store": "high-street", "country": "Ireland", "currency": CURRENCY,
            "lines": [{ "sku": sku, "description": "", "quantity": quantity, "unit_price": "2.50" }] })
    };
    vec![
        command(
            "/v1/sales/S0000/refund",
            json!({ "refund": "R1", "lines": [{ "sku": "MUG-01", "quantity": 1, "reason": "chipped" }] }),
        ),
        command("/v1/sales/S0000/refund", json!({ "refund": "R2", "lines": [{ "sku": "MUG-01", "quantity": 50 }] })),
        command("/v1/sales/returns", back("W0001", "LMP-01", 1)),
        command("/v1/sales/returns", back("W0002", "NOT-SOLD", 1)),
    ]
}
