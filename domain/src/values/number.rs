//! How many.

use utoipa::openapi::ObjectBuilder;
use utoipa::openapi::schema::Type;

use super::define::value;

/// Most units in one line, one movement, one document.
pub const MAX_QUANTITY: i64 = 1_000_000_000;

value! {
    /// Units.
    #[derive(Copy)]
    Quantity(i64) from i64,
    must be "1 to 1,000,000,000",
    if |units| is_quantity(units).then_some(units),
    described by integer().minimum(Some(1)).maximum(Some(MAX_QUANTITY))
}

value! {
    /// Units more (above 0) or fewer (below 0).
    #[derive(Copy)]
    Change(i64) from i64,
    must be "-1,000,000,000 to 1,000,000,000 and not 0",
    if |units| is_change(units).then_some(units),
    described by integer().minimum(Some(-MAX_QUANTITY)).maximum(Some(MAX_QUANTITY))
}

value! {
    /// Units, perhaps none.
    #[derive(Copy)]
    Level(i64) from i64,
    must be "0 to 1,000,000,000",
    if |units| is_level(units).then_some(units),
    described by integer().minimum(Some(0)).maximum(Some(MAX_QUANTITY))
}

fn integer() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(utoipa::openapi::SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::Int64)))
}

/// See [`Quantity`].
pub(crate) fn is_quantity(units: i64) -> bool {
    (1..=MAX_QUANTITY).contains(&units)
}

/// See [`Change`].
pub(crate) fn is_change(units: i64) -> bool {
    units != 0 && (-MAX_QUANTITY..=MAX_QUANTITY).contains(&units)
}

/// See [`Level`].
pub(crate) fn is_level(units: i64) -> bool {
    (0..=MAX_QUANTITY).contains(&units)
}
