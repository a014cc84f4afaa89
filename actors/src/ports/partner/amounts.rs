//! Money and percentages, exact to the hundredth: a float on the wire, never in between.

use std::fmt;

use serde::{Serialize, Serializer};
use thiserror::Error;

/// No salon pays more at once: a wrong point in a number is caught here.
const MOST_MINOR: u64 = 100_000_000_000;

/// A hundred percent.
const MOST_HUNDREDTHS: u64 = 10_000;

/// Why a number is no amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AmountError {
    /// Not above zero, too large, or finer than a hundredth.
    #[error("must be above 0, not above {most}, with at most two decimals")]
    Number {
        /// Upper limit.
        most: u64,
    },
    /// Not three capital letters.
    #[error("currency must be three letters, like RUB")]
    Currency,
}

/// A sum above zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Money {
    minor: u64,
    currency: String,
}

impl Money {
    /// `990.99`, `RUB`.
    pub fn new(sum: f64, currency: &str) -> Result<Self, AmountError> {
        let minor = hundredths(sum, MOST_MINOR)?;
        if currency.len() != 3 || !currency.bytes().all(|letter| letter.is_ascii_uppercase()) {
            return Err(AmountError::Currency);
        }
        Ok(Self { minor, currency: currency.to_owned() })
    }

    /// In hundredths.
    pub fn minor(&self) -> u64 {
        self.minor
    }

    /// As it stands on the wire.
    pub fn sum(&self) -> f64 {
        as_decimal(self.minor)
    }

    /// ISO 4217.
    pub fn currency(&self) -> &str {
        &self.currency
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02} {}", self.minor / 100, self.minor % 100, self.currency)
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut fields = serializer.serialize_struct("Money", 2)?;
        fields.serialize_field("sum", &self.sum())?;
        fields.serialize_field("currency", &self.currency)?;
        fields.end()
    }
}

/// Above 0, up to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Percent(u64);

impl Percent {
    /// `15.55`.
    pub fn new(percent: f64) -> Result<Self, AmountError> {
        hundredths(percent, MOST_HUNDREDTHS).map(Self)
    }

    /// As it stands on the wire.
    pub fn value(self) -> f64 {
        as_decimal(self.0)
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "both limits are far below 2^53, and the range is checked first"
)]
fn hundredths(number: f64, most: u64) -> Result<u64, AmountError> {
    let refused = AmountError::Number { most: most / 100 };
    let scaled = number * 100.0;
    if !scaled.is_finite() || scaled < 0.5 || scaled > most as f64 || (scaled - scaled.round()).abs() > 1e-4 {
        return Err(refused);
    }
    Ok(scaled.round() as u64)
}

#[expect(clippy::cast_precision_loss, reason = "the limits are far below 2^53")]
fn as_decimal(hundredths: u64) -> f64 {
    hundredths as f64 / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_exact_to_the_hundredth() {
        let money = Money::new(990.99, "RUB").unwrap();
        assert_eq!((money.minor(), money.sum(), money.to_string().as_str()), (99_099, 990.99, "990.99 RUB"));
        assert_eq!(Money::new(0.01, "RUB").unwrap().minor(), 1);
        assert_eq!(Money::new(1e9, "RUB").unwrap().sum(), 1e9);
        for wrong in [0.0, -1.0, 0.001, 1.001, 1e9 + 1.0, f64::NAN, f64::INFINITY] {
            assert!(Money::new(wrong, "RUB").is_err(), "{wrong}");
        }
        for wrong in ["", "rub", "RUBL", "РУБ", "R1B"] {
            assert_eq!(Money::new(1.0, wrong), Err(AmountError::Currency), "{wrong}");
        }
    }

    #[test]
    fn a_percentage_is_above_nothing_and_at_most_all() {
        assert_eq!(Percent::new(15.55).unwrap().value(), 15.55);
        assert_eq!(Percent::new(100.0).unwrap().value(), 100.0);
        for wrong in [0.0, -5.0, 100.01, 15.555, f64::NAN] {
            assert!(Percent::new(wrong).is_err(), "{wrong}");
        }
    }
}
