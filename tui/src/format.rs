//! Numbers as text: short, of stable width, without units (those stand once, in titles and heads).

/// What stands where a value is not known. Never a zero.
pub(crate) const UNKNOWN: &str = "-";

/// Milliseconds with about three significant digits: `0.031`, `4.80`, `61.2`, `1234`.
pub(crate) fn ms(value: f64) -> String {
    match value.abs() {
        v if !v.is_finite() => UNKNOWN.into(),
        v if v < 0.9995 => format!("{value:.3}"),
        v if v < 9.995 => format!("{value:.2}"),
        v if v < 99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// A rate or a count: `0.3`, `812`, `15180`, `123k`, `4.1M`.
pub(crate) fn count(value: f64) -> String {
    match value.abs() {
        v if !v.is_finite() => UNKNOWN.into(),
        0.0 => "0".into(),
        v if v < 9.95 && (v.round() - v).abs() > 0.05 => format!("{value:.1}"),
        v if v < 99_999.5 => format!("{value:.0}"),
        v if v < 999_500.0 => format!("{:.0}k", value / 1e3),
        v if v < 9.95e6 => format!("{:.1}M", value / 1e6),
        v if v < 9.995e8 => format!("{:.0}M", value / 1e6),
        _ => format!("{:.1}G", value / 1e9),
    }
}

/// A share of one as percent without the sign: `0.00`, `0.41`, `12.5`, `100`.
pub(crate) fn percent(share: f64) -> String {
    let value = share * 100.0;
    match value.abs() {
        v if !v.is_finite() => UNKNOWN.into(),
        v if v < 9.995 => format!("{value:.2}"),
        v if v < 99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// Bytes as decimal megabytes: `0.8`, `142`, `12345`.
pub(crate) fn megabytes(bytes: f64) -> String {
    let value = bytes / 1e6;
    if value < 9.95 { format!("{value:.1}") } else { format!("{value:.0}") }
}

/// Bytes with their unit, where sizes of different magnitude stand in one text: `312 B`, `18.4 kB`, `2.1 MB`.
pub(crate) fn bytes(value: u64) -> String {
    // Sizes stay far below 2^53, where f64 holds every integer.
    let value = value as f64;
    match value {
        v if v < 1e3 => format!("{v:.0} B"),
        v if v < 1e6 => format!("{:.1} kB", v / 1e3),
        v if v < 1e9 => format!("{:.1} MB", v / 1e6),
        v => format!("{:.1} GB", v / 1e9),
    }
}

/// A value that may be unknown, by the given form.
pub(crate) fn or_unknown(value: Option<f64>, form: fn(f64) -> String) -> String {
    value.map_or_else(|| UNKNOWN.into(), form)
}

/// A length of time for people: `8s`, `3m 12s`, `2h 05m`, `4d 03h`.
pub(crate) fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    match whole {
        0..60 => format!("{whole}s"),
        60..3600 => format!("{}m {:02}s", whole / 60, whole % 60),
        3600..86_400 => format!("{}h {:02}m", whole / 3600, whole % 3600 / 60),
        _ => format!("{}d {:02}h", whole / 86_400, whole % 86_400 / 3600),
    }
}

/// Time of day of a point in time, `HH:MM:SS`, in the zone that lies `utc_offset_s` east of UTC.
pub(crate) fn clock(unix_ms: u64, utc_offset_s: i32) -> String {
    let local = (unix_ms / 1000) as i64 + i64::from(utc_offset_s);
    let of_day = local.rem_euclid(86_400);
    format!("{:02}:{:02}:{:02}", of_day / 3600, of_day % 3600 / 60, of_day % 60)
}

/// The first `width` columns of a text; where something is cut off, the last column says so.
pub(crate) fn clip(text: &str, width: usize) -> String {
    use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};
    if text.width() <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide + 1 > width {
            break;
        }
        used += wide;
        out.push(c);
    }
    if width > 0 {
        out.push('…');
    }
    out
}

/// A text as lines of at most `width` columns, broken at spaces where there are any.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};
    if width == 0 {
        return Vec::new();
    }
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split_inclusive(' ') {
            if line.width() + word.trim_end().width() > width && !line.is_empty() {
                lines.push(std::mem::take(&mut line).trim_end().to_owned());
            }
            for c in word.chars() {
                if line.width() + c.width().unwrap_or(0) > width {
                    lines.push(std::mem::take(&mut line).trim_end().to_owned());
                }
                line.push(c);
            }
        }
        lines.push(line.trim_end().to_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_keep_three_digits_and_five_columns() {
        for (value, text) in [
            (0.0, "0.000"),
            (0.0312, "0.031"),
            (0.9996, "1.00"),
            (4.8, "4.80"),
            (9.996, "10.0"),
            (61.23, "61.2"),
            (99.97, "100"),
            (12345.6, "12346"),
        ] {
            assert_eq!(ms(value), text);
        }
        assert_eq!(ms(f64::NAN), "-");
    }

    #[test]
    fn counts_stay_within_five_columns() {
        for (value, text) in [
            (0.0, "0"),
            (0.3, "0.3"),
            (3.0, "3"),
            (812.4, "812"),
            (15180.0, "15180"),
            (123_400.0, "123k"),
            (4.1e6, "4.1M"),
            (2.5e9, "2.5G"),
        ] {
            assert_eq!(count(value), text);
            assert!(count(value).len() <= 5);
        }
    }

    #[test]
    fn clipping_and_wrapping_count_columns_and_not_bytes() {
        assert_eq!(clip("wine_lgbm", 9), "wine_lgbm");
        assert_eq!(clip("wine_lgbm", 5), "wine…");
        assert_eq!(clip("模型模型", 5), "模型…");
        assert_eq!(clip("x", 0), "");
        assert_eq!(wrap("keeps the older version", 10), ["keeps the", "older", "version"]);
        assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("模型", 1).len(), 3);
    }

    #[test]
    fn a_clock_may_lie_on_another_day() {
        assert_eq!(clock(0, -3600), "23:00:00");
        assert_eq!(clock(86_399_000, 0), "23:59:59");
    }

    #[test]
    fn durations_name_two_units() {
        assert_eq!(duration(8.9), "8s");
        assert_eq!(duration(192.0), "3m 12s");
        assert_eq!(duration(7500.0), "2h 05m");
        assert_eq!(duration(4.0 * 86_400.0 + 3.0 * 3600.0), "4d 03h");
    }
}
