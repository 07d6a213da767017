//! From which side figures are asked for, and in what order.

use serde::Deserialize;
use utoipa::ToSchema;

/// From which side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Dimension {
    Day,
    Week,
    Month,
    Country,
    Store,
    Channel,
    Category,
    Product,
    Customer,
}

impl Dimension {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Country => "country",
            Self::Store => "store",
            Self::Channel => "channel",
            Self::Category => "category",
            Self::Product => "product",
            Self::Customer => "customer",
        }
    }

    /// Whether there are lines that have no such thing.
    pub(super) fn may_be_none(self) -> bool {
        matches!(self, Self::Country | Self::Channel | Self::Category | Self::Customer)
    }
}

/// By what a list is ordered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
pub(super) enum Order {
    #[default]
    #[serde(rename = "value")]
    Value,
    #[serde(rename = "-value")]
    ValueDown,
    #[serde(rename = "gross")]
    Gross,
    #[serde(rename = "-gross")]
    GrossDown,
    #[serde(rename = "net")]
    Net,
    #[serde(rename = "-net")]
    NetDown,
    #[serde(rename = "units")]
    Units,
    #[serde(rename = "-units")]
    UnitsDown,
    #[serde(rename = "refunds")]
    Refunds,
    #[serde(rename = "-refunds")]
    RefundsDown,
}

impl Order {
    /// Whether it compares what only compares within a currency.
    pub(super) fn is_of_amounts(self) -> bool {
        !matches!(self, Self::Value | Self::ValueDown)
    }

    pub(super) fn is_descending(self) -> bool {
        matches!(self, Self::ValueDown | Self::GrossDown | Self::NetDown | Self::UnitsDown | Self::RefundsDown)
    }
}
