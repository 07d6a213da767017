//! What a price may look like: within bounds in which quantity × price, and sums of that, stay exact.

use rust_decimal::Decimal;

/// Most decimals. Twelve digits before them, six after and a billion units leave the product within the 28 digits of a `Decimal`.
const MAX_DECIMALS: u32 = 6;
const HIGHEST: Decimal = Decimal::from_parts(0xD4A5_1000, 0xE8, 0, false, 0);

/// From 0 to 1,000,000,000,000, with at most 6 decimals.
pub(crate) fn is_price(price: Decimal) -> bool {
    price >= Decimal::ZERO && is_signed_price(price)
}

/// The same, to either side of zero.
pub(crate) fn is_signed_price(price: Decimal) -> bool {
    price.abs() <= HIGHEST && price.normalize().scale() <= MAX_DECIMALS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_not_negative_nor_endless() {
        for price in ["0", "-0", "0.000001", "1.2500000000", "1000000000000"] {
            assert!(is_price(price.parse().unwrap()), "{price}");
        }
        for price in ["-0.01", "0.0000001", "1000000000000.01"] {
            assert!(!is_price(price.parse().unwrap()), "{price}");
        }
        assert!(is_signed_price("-11062.06".parse().unwrap()));
    }
}
