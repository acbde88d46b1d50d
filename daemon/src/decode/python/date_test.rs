//! Texts that numpy and pandas take for points in time, and texts that they do not.

#![allow(clippy::unwrap_used, reason = "a test")]

use super::date::{NAT, numpy, pandas};

const SECOND: i64 = 1_000_000_000;
const NEW_YEAR: i64 = 1_704_067_200 * SECOND;
const HOUR: i64 = 3600 * SECOND;

#[test]
fn numpy_knows_iso_8601() {
    for (text, nanos) in [
        ("2024", NEW_YEAR),
        ("2024-01", NEW_YEAR),
        (" +2024-01-01", NEW_YEAR),
        ("2024-01-01 10", NEW_YEAR + 10 * HOUR),
        ("2024-01-01T10Z", NEW_YEAR + 10 * HOUR),
        ("2024-01-01T10:00+02", NEW_YEAR + 8 * HOUR),
        ("2024-01-01T10:00+0200", NEW_YEAR + 8 * HOUR),
        ("2024-01-01T10:00:00.", NEW_YEAR + 10 * HOUR),
        ("1970-01-01T00:00:00.123456789", 123_456_789),
        ("", NAT),
        ("NaT", NAT),
        // 64 bits do not hold these: 1754 and 1748.
        ("1", -6_795_364_578_871_345_152),
        ("-5-01-01", -6_984_753_378_871_345_152),
    ] {
        assert_eq!(numpy(text), Some(nanos), "{text}");
    }
    for text in [
        "2024-01-01Z",
        "2024-01-01T10:00:00 +02:00",
        "2024-01-01 ",
        "2024/01/01",
        "2024-1-1",
        "2024-01-01T24:00",
        "2024-01-01T10:00:00.1234567891234567891",
        "2024-01-01T1:00",
        "2024-01-01T10:0",
        "2024-01-01T",
        "2024-",
        "2024-01-01t10:00",
        "2024-01-01T10:00:00z",
        "2024-02-30",
        "null",
        "1.5",
        "é",
    ] {
        assert_eq!(numpy(text), None, "{text}");
    }
}

#[test]
fn pandas_knows_the_usual_forms() {
    for text in [
        "2024-01-01",
        "20240101",
        "2024",
        "2024-01",
        "Jan 1, 2024",
        "1 January 2024",
        "Mon Jan 1 2024",
        "2024-1-1",
        "2024/01/01",
        "2024.01.01",
        "01/01/2024",
        "1-1-24",
        " 2024-01-01 ",
        "-2024-01-01",
        "2024Q1",
    ] {
        assert_eq!(pandas(text, false).and_then(|found| found.nanos), Some(NEW_YEAR), "{text}");
    }
    for (text, hours) in [
        ("2024-01-01T10:00:00", 10),
        ("2024-01-01T10", 10),
        ("2024-01-01 10:00:00 PM", 22),
        ("2024-01-01 12:00 AM", 0),
        ("2024-01-01T10:00:00Z", 10),
        ("2024-01-01T10:00:00+02:00", 8),
        ("2024-01-01 10:00:00 UTC", 10),
        ("2024-01-01T10:00:00z", 10),
        ("20240101T100000", 10),
        ("20240101100000", 10),
    ] {
        assert_eq!(pandas(text, false).and_then(|found| found.nanos), Some(NEW_YEAR + hours * HOUR), "{text}");
    }
    for text in [
        "1",
        "12",
        "123",
        "1.5",
        "12345",
        "1704067200",
        "abc",
        "paris",
        "2024-13-01",
        "2024-02-30",
        "N/A",
        "null",
        "2024-01-01T24:00:00",
        "2024-01-01T10:60:00",
        "2024-01-01Z",
        "2024-W01",
        "2024-001",
        "+2024-01-01",
        "1e5",
        "99999999999999",
        "Monday",
        "may",
        "a",
        "tab\t",
    ] {
        assert_eq!(pandas(text, false), None, "{text}");
    }
    for text in ["0001-01-01", "9999-12-31", "1677-09-20", "2263-01-01"] {
        assert_eq!(pandas(text, false).map(|found| found.nanos), Some(None), "{text}");
    }
    let format = |text| pandas(text, false).unwrap().format;
    assert_eq!(format("13/02/2024"), "%d/%m/%Y");
    assert_eq!(format("2024-01-01T10:00:00.5Z"), "%Y-%m-%dT%H:%M:%S.%f%z");
    assert!(pandas("10:00", false).is_some());
}
