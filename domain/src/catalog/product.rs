//! A thing that is sold, under its SKU.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::Error;
use crate::aggregate::aggregate;
use crate::values::money::{self, is_price};
use crate::values::text;

/// A product, from before it is added.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Product {
    /// There is none under this SKU.
    #[default]
    Unknown,
    /// It is sold.
    Active(Facts),
    /// It is no longer sold.
    Discontinued(Facts),
}

/// What decisions about a product depend on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    name: String,
    price: Decimal,
    category: Option<String>,
}

/// What can be asked of a product.
#[expect(missing_docs, reason = "each field is named by the API that fills it")]
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Puts it into the catalog.
    Add { name: String, price: Decimal, currency: String, category: Option<String> },
    /// Gives it another name.
    Rename { name: String },
    /// Gives it another price.
    Reprice { price: Decimal },
    /// Puts it into another category.
    Categorise { category: String },
    /// Takes it off sale.
    Discontinue { reason: Option<String> },
    /// Puts it on sale again.
    Reinstate,
}

/// What has happened to a product.
#[expect(missing_docs, reason = "each field is what its command said")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// It was put into the catalog.
    Added { name: String, price: Decimal, currency: String, category: Option<String> },
    /// It got another name.
    Renamed { name: String },
    /// It got another price.
    Repriced { price: Decimal },
    /// It was put into another category.
    Categorised { category: String },
    /// It was taken off sale.
    Discontinued { reason: Option<String> },
    /// It was put on sale again.
    Reinstated {},
}

aggregate!(Product in "product", refuses with Error,
    Added => "catalog.product_added",
    Renamed => "catalog.product_renamed",
    Repriced => "catalog.product_repriced",
    Categorised => "catalog.product_categorised",
    Discontinued => "catalog.product_discontinued",
    Reinstated => "catalog.product_reinstated",
);

impl Product {
    /// What follows from a command.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn decide(&self, command: Command) -> Result<Vec<Event>, Error> {
        let event = match (self, command) {
            (Self::Unknown, Command::Add { name, price, currency, category }) => {
                let name = named("name", name)?;
                let category = category.map(|category| named("category", category)).transpose()?;
                if !money::is_currency(&currency) {
                    return Err(Error::Currency);
                }
                Event::Added { name, price: priced(price)?, currency, category }
            }
            (Self::Active(_) | Self::Discontinued(_), Command::Add { .. }) => return Err(Error::ProductExists),
            (Self::Unknown, _) => return Err(Error::ProductUnknown),
            (Self::Active(facts) | Self::Discontinued(facts), Command::Rename { name }) if facts.name == name => {
                return Ok(vec![]);
            }
            (Self::Active(_) | Self::Discontinued(_), Command::Rename { name }) => {
                Event::Renamed { name: named("name", name)? }
            }
            (Self::Active(facts), Command::Reprice { price }) if facts.price == price => return Ok(vec![]),
            (Self::Active(_), Command::Reprice { price }) => Event::Repriced { price: priced(price)? },
            (Self::Discontinued(_), Command::Reprice { .. } | Command::Discontinue { .. }) => {
                return Err(Error::Discontinued);
            }
            (Self::Active(facts) | Self::Discontinued(facts), Command::Categorise { category })
                if facts.category.as_ref() == Some(&category) =>
            {
                return Ok(vec![]);
            }
            (Self::Active(_) | Self::Discontinued(_), Command::Categorise { category }) => {
                Event::Categorised { category: named("category", category)? }
            }
            (Self::Active(_), Command::Discontinue { reason }) => {
                Event::Discontinued { reason: reason.map(|reason| named("reason", reason)).transpose()? }
            }
            (Self::Discontinued(_), Command::Reinstate) => Event::Reinstated {},
            (Self::Active(_), Command::Reinstate) => return Err(Error::NotDiscontinued),
        };
        Ok(vec![event])
    }

    /// The state after an event.
    pub fn evolve(&mut self, event: Event) {
        if let Event::Added { name, price, category, .. } = event {
            *self = Self::Active(Facts { name, price, category });
            return;
        }
        let (Self::Active(facts) | Self::Discontinued(facts)) = &mut *self else { return };
        match event {
            Event::Added { .. } => {}
            Event::Renamed { name } => facts.name = name,
            Event::Repriced { price } => facts.price = price,
            Event::Categorised { category } => facts.category = Some(category),
            Event::Discontinued { .. } => *self = Self::Discontinued(facts.clone()),
            Event::Reinstated {} => *self = Self::Active(facts.clone()),
        }
    }
}

fn named(field: &'static str, name: String) -> Result<String, Error> {
    if text::is_name(&name) { Ok(name) } else { Err(Error::Text(field)) }
}

fn priced(price: Decimal) -> Result<Decimal, Error> {
    if is_price(price) { Ok(price) } else { Err(Error::Price) }
}
