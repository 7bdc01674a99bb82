//! Parsers of option values, whose errors name the value and what is expected.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;

use harmonic_app::quantity;

/// Ports that a server can listen on.
const PORTS: RangeInclusive<u64> = 1..=65_535;

/// Parser of a whole number of `things` within `range`, for the value called `name`.
pub(crate) fn whole<T: TryFrom<u64>>(
    name: &'static str,
    things: &'static str,
    range: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static {
    move |text| {
        let found = text.parse().ok().filter(|number| range.contains(number));
        found.and_then(|number| T::try_from(number).ok()).ok_or_else(|| {
            let of = if things.is_empty() { String::new() } else { format!(" of {things}") };
            format!("invalid {name} `{text}`: expected a whole number{of}{}", bounds(&range))
        })
    }
}

/// Parser of a number of tokens within `range`, such as 8192, 8k (8000) or 8Ki (8192).
pub(crate) fn tokens<T: TryFrom<u64>>(
    name: &'static str,
    range: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static {
    move |text| {
        let found = quantity::tokens(text).filter(|number| range.contains(number));
        found.and_then(|number| T::try_from(number).ok()).ok_or_else(|| {
            format!(
                "invalid {name} `{text}`: expected a number of tokens{}, such as 8192, 8k (8000) or \
                 8Ki (8192)",
                bounds(&range)
            )
        })
    }
}

/// Parser of a number of `things` that is not zero.
pub(crate) fn count(
    things: &'static str,
) -> impl Fn(&str) -> Result<NonZeroU32, String> + Clone + Send + Sync + 'static {
    let number = whole("number", things, 1..=u32::MAX.into());
    move |text| number(text).map(|number| NonZeroU32::new(number).expect("the range is above zero"))
}

/// Parser of the port of a server.
pub(crate) fn port(text: &str) -> Result<u16, String> {
    whole("port", "", PORTS)(text)
}

/// Parser of a port to listen on, where 0 selects a free one.
pub(crate) fn listen_port(text: &str) -> Result<u16, String> {
    whole("port", "", 0..=*PORTS.end())(text)
}

/// Parser of a seed.
pub(crate) fn seed(text: &str) -> Result<u64, String> {
    whole("seed", "", 0..=u64::MAX)(text)
}

/// Parser of a time in seconds.
pub(crate) fn seconds(text: &str) -> Result<u64, String> {
    whole("time", "seconds", 0..=u64::MAX)(text)
}

/// Parser of a positive number of `things`, for the value called `name`.
pub(crate) fn positive(
    name: &'static str,
    things: &'static str,
) -> impl Fn(&str) -> Result<f64, String> + Clone + Send + Sync + 'static {
    move |text| {
        let found = text.parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0);
        found.ok_or_else(|| {
            format!("invalid {name} `{text}`: expected a number of {things} above zero")
        })
    }
}

/// Parser of an IP address to listen on.
pub(crate) fn address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| {
        format!(
            "invalid address `{text}`: expected an IP address, such as 127.0.0.1 for this machine \
             alone or 0.0.0.0 for all its networks"
        )
    })
}

/// Bounds in words; an end that no machine reaches is left out.
fn bounds(range: &RangeInclusive<u64>) -> String {
    match (*range.start(), *range.end()) {
        (0, u64::MAX) => String::new(),
        (from, u64::MAX) => format!(" of at least {from}"),
        (from, to) => format!(" from {from} to {to}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_value_and_what_is_expected() {
        let context = tokens::<u32>("context", 1..=u32::MAX.into());
        for text in ["0", "8x", "", "-1", "5000000000", "1.0001k"] {
            assert_eq!(
                context(text).unwrap_err(),
                format!(
                    "invalid context `{text}`: expected a number of tokens from 1 to 4294967295, \
                     such as 8192, 8k (8000) or 8Ki (8192)"
                )
            );
        }
        assert_eq!(
            port("http").unwrap_err(),
            "invalid port `http`: expected a whole number from 1 to 65535"
        );
        assert_eq!(
            seconds("5m").unwrap_err(),
            "invalid time `5m`: expected a whole number of seconds"
        );
        assert_eq!(
            positive("rate", "requests per second")("NaN").unwrap_err(),
            "invalid rate `NaN`: expected a number of requests per second above zero"
        );
        assert!(address("localhost").unwrap_err().starts_with("invalid address `localhost`: "));
    }

    #[test]
    fn values_in_range_are_read() {
        let context = tokens::<u32>("context", 1..=u32::MAX.into());
        assert_eq!(
            ["8192", "8k", "8Ki", "1.5k"].map(|text| context(text).unwrap()),
            [8192, 8000, 8192, 1500]
        );
        assert_eq!(
            (port("1"), listen_port("0"), seed("18446744073709551615")),
            (Ok(1), Ok(0), Ok(u64::MAX))
        );
        assert!(port("0").is_err() && port("65536").is_err());
    }
}
