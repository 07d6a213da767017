//! Where a clock hangs, and which day it is there.

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use utoipa::openapi::ObjectBuilder;
use utoipa::openapi::schema::Type;

use super::define::{reads_as_text, value};

value! {
    /// A time zone's name.
    TimeZone(String) from String,
    must be "the name of a time zone in the IANA database, such as `Europe/London`",
    if |text| is_zone(&text).then_some(text),
    described by ObjectBuilder::new().schema_type(Type::String).examples(["Europe/London"])
}

reads_as_text!(TimeZone);

/// A name in the IANA database.
pub(crate) fn is_zone(name: &str) -> bool {
    name.parse::<Tz>().is_ok()
}

/// The day that a time belongs to where the business is done: the calendar day in that zone; in UTC without one, or with one that is not
/// known here. Every figure by day, week or month is by this day.
#[must_use]
pub fn business_day(at: DateTime<Utc>, zone: Option<&str>) -> NaiveDate {
    let zone = zone.and_then(|name| name.parse().ok()).unwrap_or(Tz::UTC);
    at.with_timezone(&zone).date_naive()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_at_midnight_of_the_zone_on_both_sides_of_each_change_of_the_clock() {
        for (at, zone, day) in [
            ("2021-03-27T23:59:59Z", "Europe/London", "2021-03-27"),
            ("2021-03-28T00:00:00Z", "Europe/London", "2021-03-28"),
            ("2021-03-28T22:59:59Z", "Europe/London", "2021-03-28"),
            ("2021-03-28T23:00:00Z", "Europe/London", "2021-03-29"),
            ("2021-10-30T23:00:00Z", "Europe/London", "2021-10-31"),
            ("2021-10-31T23:59:59Z", "Europe/London", "2021-10-31"),
            ("2021-11-01T00:00:00Z", "Europe/London", "2021-11-01"),
            // Midnight itself was skipped that day.
            ("2018-11-04T02:59:59Z", "America/Sao_Paulo", "2018-11-03"),
            ("2018-11-04T03:00:00Z", "America/Sao_Paulo", "2018-11-04"),
            // A whole day was.
            ("2011-12-30T09:59:59Z", "Pacific/Apia", "2011-12-29"),
            ("2011-12-30T10:00:00Z", "Pacific/Apia", "2011-12-31"),
            ("2021-06-01T18:15:00Z", "Asia/Kathmandu", "2021-06-02"),
        ] {
            let at: DateTime<Utc> = at.parse().unwrap();
            assert_eq!(business_day(at, Some(zone)).to_string(), day, "{at} in {zone}");
        }
    }

    #[test]
    fn without_a_zone_or_with_one_that_is_not_known_it_is_the_day_of_utc() {
        let at = "2021-06-01T23:30:00Z".parse().unwrap();
        assert_eq!(business_day(at, None), business_day(at, Some("Mars/Olympus")));
        assert_eq!(business_day(at, None).to_string(), "2021-06-01");
    }

    #[test]
    fn a_zone_is_named_as_the_database_names_it() {
        for (name, is_one) in
            [("Europe/London", true), ("UTC", true), ("europe/london", false), ("+01:00", false), ("", false)]
        {
            assert_eq!(is_zone(name), is_one, "{name}");
        }
    }
}
