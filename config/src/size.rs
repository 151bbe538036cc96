//! Sizes in bytes as people write them.

/// Units by name, the binary ones that memory is sold in.
const UNITS: &[(&str, u64)] = &[("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];

/// Reads `24 GiB`, `1.5GiB`, `512 mib` or `1048576`. `None` where it is no size or more than fits.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim();
    let factor = match unit {
        "" => 1,
        _ => UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?.1,
    };
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor);
    }
    let bytes = number.parse::<f64>().ok()? * factor as f64;
    // 2^63 is far above every machine and exact in both types.
    (bytes < 9.2e18).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_unit() {
        for (text, bytes) in [("0", 0), ("1048576", 1 << 20), ("24 GiB", 24 << 30), ("1.5gib", 3 << 29), ("7B", 7)] {
            assert_eq!(parse(text), Some(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "GiB", "-1", "1 GB", "1..5 GiB", "1e9", "99999999 TiB", "many", "99999999999999999999999.0"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
