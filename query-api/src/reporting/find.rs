//! How figures are found: each order of a list has an index of its own, so that a page costs the same however long the list is.

use platform::Problem;
use platform::page::{self, Page};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, Postgres, QueryBuilder};

use super::asked::Order;
use super::figures::Figures;
use crate::read::{Ready, failed};

/// The dimension of figures over everything.
pub(super) const ALL: &str = "all";

/// A row of the read model, and of a product what is known of it.
#[derive(FromRow)]
pub(super) struct Row {
    pub(super) dimension: String,
    pub(super) value: String,
    pub(super) currency: String,
    pub(super) sale_documents: Option<i64>,
    pub(super) free_documents: Option<i64>,
    pub(super) sale_lines: i64,
    pub(super) sale_units: i64,
    pub(super) gross: Decimal,
    pub(super) free_lines: i64,
    pub(super) free_units: i64,
    pub(super) refund_documents: Option<i64>,
    pub(super) accepted_lines: i64,
    pub(super) accepted_units: i64,
    pub(super) accepted_amount: Decimal,
    pub(super) unjudged_lines: i64,
    pub(super) unjudged_units: i64,
    pub(super) unjudged_amount: Decimal,
    pub(super) never_sold_lines: i64,
    pub(super) never_sold_units: i64,
    pub(super) never_sold_amount: Decimal,
    pub(super) exceeds_lines: i64,
    pub(super) exceeds_units: i64,
    pub(super) exceeds_amount: Decimal,
    pub(super) adjustment_documents: Option<i64>,
    pub(super) adjustment_lines: i64,
    pub(super) adjustment_units: i64,
    pub(super) bad_debt_documents: Option<i64>,
    pub(super) bad_debt_lines: i64,
    pub(super) bad_debt_units: i64,
    pub(super) bad_debt_amount: Decimal,
    pub(super) active_customers: Option<i64>,
    pub(super) new_customers: Option<i64>,
    pub(super) refunded: Decimal,
    pub(super) net: Decimal,
    pub(super) description: Option<String>,
    pub(super) last_price: Option<Decimal>,
    pub(super) price_changes: Option<i64>,
}

/// Which figures, in what order.
pub(super) struct Wanted<'a> {
    pub(super) dimension: &'a str,
    pub(super) value: Option<&'a str>,
    pub(super) currency: Option<&'a str>,
    pub(super) order: Order,
    pub(super) limit: i64,
}

/// The last one on a page, and of which list.
#[derive(Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) list: String,
    pub(super) rank: Option<Decimal>,
    pub(super) value: String,
    pub(super) currency: String,
}

impl Wanted<'_> {
    pub(super) async fn page(&self, ready: &mut Ready, cursor: Option<&str>) -> Result<Page<Figures>, Problem> {
        let after: Option<Place> = page::decode(cursor)?;
        if after.as_ref().is_some_and(|place| place.list != self.list()) {
            return Err(
                Problem::malformed("the cursor is one of another list or order; begin again without it").at("cursor")
            );
        }
        let mut query = QueryBuilder::new("");
        self.push(&mut query, after.as_ref(), self.limit + 1);
        let rows: Vec<Row> = query.build_query_as().fetch_all(&mut *ready.snapshot).await.map_err(failed)?;
        let Page { items, next } = Page::of(rows, self.limit, |last| self.place(last));
        Ok(Page { items: items.into_iter().map(Figures::from).collect(), next })
    }

    /// Adds the statement. Nothing of it but its parameters comes from outside.
    pub(super) fn push(&self, query: &mut QueryBuilder<'_, Postgres>, after: Option<&Place>, limit: i64) {
        let products = self.dimension == "product";
        let known = if products {
            "p.description, p.last_price, p.price_changes"
        } else {
            "null::text as description, null::numeric as last_price, null::bigint as price_changes"
        };
        query.push(format!("select f.*, {known} from (select * from reporting.figures where dimension = "));
        query.push_bind(self.dimension.to_owned());
        if let Some(value) = self.value {
            query.push(" and value = ").push_bind(value.to_owned());
        }
        if let Some(currency) = self.currency {
            query.push(" and currency = ").push_bind(currency.to_owned());
        }
        if let Some(place) = after {
            self.push_bound(query, place);
        }
        query.push(format!(" order by {} limit ", self.ordered(""))).push_bind(limit);
        query.push(") f");
        if products {
            query.push(" left join reporting.product p on p.sku = f.value and p.currency = f.currency");
        }
        query.push(format!(" order by {}", self.ordered("f.")));
    }

    /// Adds that what is wanted comes after a place.
    fn push_bound(&self, query: &mut QueryBuilder<'_, Postgres>, place: &Place) {
        let columns = self.columns();
        let beyond = if self.order.is_descending() { "<" } else { ">" };
        query.push(format!(" and ({}) {beyond} (", columns.join(", ")));
        let mut parts = query.separated(", ");
        for column in columns {
            match *column {
                "value" => parts.push_bind(place.value.clone()),
                "currency" => parts.push_bind(place.currency.clone()),
                // As the column is: compared as another type it is no bound of an index.
                "sale_units" => parts.push_bind(place.rank.and_then(|rank| i64::try_from(rank).ok())),
                _ => parts.push_bind(place.rank),
            };
        }
        query.push(")");
    }

    /// The columns of the order, of a table.
    fn ordered(&self, of: &str) -> String {
        let direction = if self.order.is_descending() { "desc" } else { "asc" };
        let columns = self.columns().iter().map(|column| format!("{of}{column} {direction}"));
        columns.collect::<Vec<_>>().join(", ")
    }

    /// What the list is ordered by, as one of the read model's indexes is.
    fn columns(&self) -> &'static [&'static str] {
        match self.order {
            Order::Value | Order::ValueDown if self.currency.is_some() => &["value"],
            Order::Value | Order::ValueDown => &["value", "currency"],
            Order::Gross | Order::GrossDown => &["gross", "value"],
            Order::Net | Order::NetDown => &["net", "value"],
            Order::Units | Order::UnitsDown => &["sale_units", "value"],
            Order::Refunds | Order::RefundsDown => &["refunded", "value"],
        }
    }

    fn place(&self, last: &Row) -> Place {
        let rank = match self.order {
            Order::Value | Order::ValueDown => None,
            Order::Gross | Order::GrossDown => Some(last.gross),
            Order::Net | Order::NetDown => Some(last.net),
            Order::Units | Order::UnitsDown => Some(last.sale_units.into()),
            Order::Refunds | Order::RefundsDown => Some(last.refunded),
        };
        Place { list: self.list(), rank, value: last.value.clone(), currency: last.currency.clone() }
    }

    /// Tells this list from others, whose places mean nothing here.
    fn list(&self) -> String {
        format!("{}/{}?{}&{:?}", self.dimension, self.value.unwrap_or("*"), self.currency.unwrap_or("*"), self.order)
    }
}
