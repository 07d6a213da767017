//! When.

use chrono::{DateTime, Datelike as _, SubsecRound as _, Timelike as _, Utc};
use utoipa::openapi::schema::Type;
use utoipa::openapi::{KnownFormat, ObjectBuilder, SchemaFormat};

use super::define::value;

value! {
    /// A time, in UTC, to the microsecond that Postgres keeps.
    #[derive(Copy)]
    Timestamp(DateTime<Utc>) from String,
    must be "a time as in RFC 3339, with an offset or `Z`, without leap second, of the years 0001 to 9999 in UTC",
    if |text| parse(&text),
    described by ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
}

fn parse(text: &str) -> Option<DateTime<Utc>> {
    let time = DateTime::parse_from_rfc3339(text).ok()?.to_utc();
    // A leap second has more nanoseconds than a second has.
    let is_one = (1..=9999).contains(&time.year()) && time.nanosecond() < 1_000_000_000;
    is_one.then(|| time.trunc_subsecs(6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_one_that_everybody_can_keep() {
        for text in [
            "2010-12-01T08:26:00Z",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59.999999999Z",
            "2020-02-29T23:59:59+05:30",
        ] {
            assert!(parse(text).is_some(), "{text}");
        }
        for text in [
            "-4713-01-01T00:00:00Z",
            "0000-12-31T23:59:59Z",
            "9999-12-31T23:59:59-01:00",
            "0001-01-01T00:00:00+01:00",
            "2016-12-31T23:59:60Z",
            "2021-02-29T00:00:00Z",
            "2010-12-01T08:26:00",
            "2010-12-01",
            "1",
            "",
            "+10000-01-01T00:00:00Z",
            "2010-12-01T08:26:00Z ",
        ] {
            assert!(parse(text).is_none(), "{text}");
        }
        assert_eq!(parse("2020-01-01T00:00:00.1234567Z").map(|time| time.timestamp_subsec_nanos()), Some(123_456_000));
    }
}
