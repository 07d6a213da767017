//! What figures look like to those who ask for them.

use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use super::find::Row;

/// Figures in one currency: over everything, or over one day, month, country …
#[derive(Serialize, ToSchema)]
pub(super) struct Figures {
    /// `all`, or what was asked for.
    dimension: String,
    /// The day, month, country …; empty for lines that have none.
    value: String,
    /// None for corrections of stock in a store that the catalog does not know.
    currency: Option<String>,
    /// What was sold less what was taken back: `sales.gross` − `refunds.amount`. Neither a refused claim nor a debt that is written off
    /// lowers it.
    #[schema(value_type = String)]
    net: Decimal,
    sales: Sales,
    refunds: Refunds,
    adjustments: Adjustments,
    bad_debt: BadDebt,
    /// Not by category, product and customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    customers: Option<Customers>,
    /// By product alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    product: Option<Product>,
}

/// What was sold.
#[derive(Serialize, ToSchema)]
struct Sales {
    /// Not by category and product.
    #[serde(skip_serializing_if = "Option::is_none")]
    documents: Option<i64>,
    lines: i64,
    units: i64,
    #[schema(value_type = String)]
    gross: Decimal,
    free: Free,
}

/// The part of sales that cost nothing.
#[derive(Serialize, ToSchema)]
struct Free {
    /// Sales with such a line; not by category and product.
    #[serde(skip_serializing_if = "Option::is_none")]
    documents: Option<i64>,
    lines: i64,
    units: i64,
}

/// What was claimed back, with and without receipt, as it was judged when it was recorded.
#[derive(Serialize, ToSchema)]
struct Refunds {
    /// Not by category and product.
    #[serde(skip_serializing_if = "Option::is_none")]
    documents: Option<i64>,
    /// What went back: accepted and unjudged together.
    #[schema(value_type = String)]
    amount: Decimal,
    accepted: Tally,
    /// Without receipt and without customer: nobody could tell, and it was taken.
    unjudged: Tally,
    refused: Refused,
}

/// Claims that were refused.
#[derive(Serialize, ToSchema)]
struct Refused {
    /// The customer never bought that.
    never_sold: Tally,
    /// The customer bought less, or has brought some back.
    exceeds: Tally,
}

#[derive(Serialize, ToSchema)]
struct Tally {
    lines: i64,
    units: i64,
    #[schema(value_type = String)]
    amount: Decimal,
}

/// Corrections of stock.
#[derive(Serialize, ToSchema)]
struct Adjustments {
    /// Not by category and product.
    #[serde(skip_serializing_if = "Option::is_none")]
    documents: Option<i64>,
    lines: i64,
    /// Found, less lost.
    units: i64,
}

/// Debts that were written off.
#[derive(Serialize, ToSchema)]
struct BadDebt {
    /// Not by category and product.
    #[serde(skip_serializing_if = "Option::is_none")]
    documents: Option<i64>,
    lines: i64,
    units: i64,
    #[schema(value_type = String)]
    amount: Decimal,
}

/// Who bought.
#[derive(Serialize, ToSchema)]
struct Customers {
    active: i64,
    /// Those whose first purchase in this currency it was.
    new: i64,
}

/// What the lines in this currency tell of a product.
#[derive(Serialize, ToSchema)]
struct Product {
    /// The last that was not blank.
    description: String,
    /// Of its last sale.
    #[schema(value_type = Option<String>)]
    last_price: Option<Decimal>,
    /// How often it was sold at another price than the time before.
    price_changes: i64,
}

impl From<Row> for Figures {
    fn from(row: Row) -> Self {
        let tally = |lines, units, amount| Tally { lines, units, amount };
        let (last_price, price_changes) = (row.last_price, row.price_changes.unwrap_or_default());
        Self {
            net: row.net,
            sales: Sales {
                documents: row.sale_documents,
                lines: row.sale_lines,
                units: row.sale_units,
                gross: row.gross,
                free: Free { documents: row.free_documents, lines: row.free_lines, units: row.free_units },
            },
            refunds: Refunds {
                documents: row.refund_documents,
                amount: row.refunded,
                accepted: tally(row.accepted_lines, row.accepted_units, row.accepted_amount),
                unjudged: tally(row.unjudged_lines, row.unjudged_units, row.unjudged_amount),
                refused: Refused {
                    never_sold: tally(row.never_sold_lines, row.never_sold_units, row.never_sold_amount),
                    exceeds: tally(row.exceeds_lines, row.exceeds_units, row.exceeds_amount),
                },
            },
            adjustments: Adjustments {
                documents: row.adjustment_documents,
                lines: row.adjustment_lines,
                units: row.adjustment_units,
            },
            bad_debt: BadDebt {
                documents: row.bad_debt_documents,
                lines: row.bad_debt_lines,
                units: row.bad_debt_units,
                amount: row.bad_debt_amount,
            },
            customers: row.active_customers.zip(row.new_customers).map(|(active, new)| Customers { active, new }),
            product: row.description.map(|description| Product { description, last_price, price_changes }),
            dimension: row.dimension,
            value: row.value,
            currency: Some(row.currency).filter(|currency| !currency.is_empty()),
        }
    }
}
