//! Points in time in a text: as numpy reads them, and in the forms that pandas guesses.
//!
//! numpy knows ISO 8601 and nothing else, and does not look whether 64 bits of nanoseconds hold the year. pandas takes
//! what a person may write; the forms here are the usual ones, and what is none of them is no date.

use std::time::{SystemTime, UNIX_EPOCH};

/// What stands for no time at all.
pub(crate) const NAT: i64 = i64::MIN;

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;

/// A time that pandas read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its form, in the letters of `strftime`.
    pub(crate) format: String,
    /// Nanoseconds since 1970; none when 64 bits do not hold them.
    pub(crate) nanos: Option<i64>,
    /// Minutes ahead of UTC, when a zone is named.
    pub(crate) zone: Option<i64>,
}

/// Words for no time.
pub(crate) fn is_nat(text: &str) -> bool {
    matches!(text, "" | "NaT" | "nat" | "NAT" | "nan" | "NaN" | "NAN")
}

/// `numpy.datetime64(text, "ns")`.
pub(crate) fn numpy(text: &str) -> Option<i64> {
    if text.is_empty() || text.eq_ignore_ascii_case("nat") {
        return Some(NAT);
    }
    if text.eq_ignore_ascii_case("now") {
        return Some(now() / SECOND * SECOND);
    }
    if text.eq_ignore_ascii_case("today") {
        return Some(now() / DAY * DAY);
    }
    let mut scan = Scan(text.trim_start_matches(|letter: char| letter.is_ascii_whitespace()));
    let sign = if scan.take("-") { -1 } else { 1 };
    if sign == 1 {
        scan.take("+");
    }
    let digits = scan.digits(usize::MAX)?;
    let year = digits.bytes().fold(0_i64, |year, digit| year.wrapping_mul(10).wrapping_add(i64::from(digit - b'0')));
    let year = year.wrapping_mul(sign);
    let (mut month, mut day, mut nanos, mut zone) = (1, 1, 0, 0);
    if scan.take("-") {
        month = scan.two()?;
        if scan.take("-") {
            day = scan.two()?;
            if scan.take("T") || scan.take(" ") {
                nanos = scan.clock(18)?.0;
                zone = if scan.take("Z") { 0 } else { scan.offset().unwrap_or(0) };
                scan.0 = scan.0.trim_start_matches(|letter: char| letter.is_ascii_whitespace());
            }
        }
    }
    (scan.0.is_empty() && is_day(year, month, day)).then(|| {
        let days = days(year, month, day).wrapping_mul(DAY);
        days.wrapping_add(nanos).wrapping_sub(zone * 60 * SECOND)
    })
}

/// What pandas makes of one text; `day_first` when the form of the column says so.
pub(crate) fn pandas(text: &str, day_first: bool) -> Option<Found> {
    let text = text.trim();
    if matches!(text, "now" | "today") {
        return Some(Found { format: text.into(), nanos: Some(now()), zone: None });
    }
    let mut scan = Scan(text);
    scan.take("-");
    let clock_only = text.find(':').is_some_and(|at| at <= 2);
    let (mut format, [year, month, day]) = if clock_only { (String::new(), today()) } else { scan.date(day_first)? };
    let (mut nanos, mut zone) = (0, None);
    let compact = format == "%Y%m%d" && scan.0.starts_with(|letter: char| letter.is_ascii_digit());
    if compact {
        let digits = scan.digits(6).filter(|digits| digits.len() != 5)?;
        let part = |from: usize| digits.get(from..from + 2).map_or(Some(0), |part| part.parse::<i64>().ok());
        let (hours, minutes, seconds) = (part(0)?, part(2)?, part(4)?);
        nanos = clock(hours, minutes, seconds)?;
        format.push_str("%H%M%S");
    } else if !scan.0.is_empty() {
        let separator = if clock_only {
            ""
        } else if scan.take("T") || scan.take("t") {
            "T"
        } else {
            let rest = scan.0.trim_start_matches(' ');
            if rest.len() == scan.0.len() {
                return None;
            }
            scan.0 = rest;
            " "
        };
        format.push_str(separator);
        let (time, form) = scan.clock(usize::MAX).or_else(|| scan.compact_clock())?;
        nanos = time;
        format.push_str(form);
        scan.0 = scan.0.trim_start_matches(' ');
        let later = scan.word(&["PM", "pm"]);
        if later || scan.word(&["AM", "am"]) {
            let hour = nanos / (3600 * SECOND);
            if !(1..=12).contains(&hour) {
                return None;
            }
            nanos += (i64::from(later) * 12 - if hour == 12 { 12 } else { 0 }) * 3600 * SECOND;
            format.push_str("%p");
            scan.0 = scan.0.trim_start_matches(' ');
        }
        zone = if scan.word(&["Z", "UTC", "GMT"]) { Some(0) } else { scan.offset() };
        if zone.is_some() {
            format.push_str("%z");
        } else {
            // Of no meaning to pandas.
            scan.take("z");
        }
    }
    if !scan.0.is_empty() || !is_day(year, month, day) {
        return None;
    }
    let whole = i128::from(days(year, month, day)) * i128::from(DAY) + i128::from(nanos);
    let utc = whole - i128::from(zone.unwrap_or(0)) * 60 * i128::from(SECOND);
    Some(Found { format, nanos: i64::try_from(utc).ok().filter(|&nanos| nanos != NAT), zone })
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// What is left of a text.
struct Scan<'a>(&'a str);

impl<'a> Scan<'a> {
    fn take(&mut self, what: &str) -> bool {
        let rest = self.0.strip_prefix(what);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn word(&mut self, words: &[&str]) -> bool {
        words.iter().any(|word| self.take(word))
    }

    /// At least one digit, at most `limit`.
    fn digits(&mut self, limit: usize) -> Option<&'a str> {
        let count = self.0.bytes().take(limit).take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest;
        (count > 0).then_some(digits)
    }

    /// Exactly two digits.
    fn two(&mut self) -> Option<i64> {
        self.digits(2).filter(|digits| digits.len() == 2)?.parse().ok()
    }

    fn number(&mut self) -> Option<i64> {
        self.digits(2)?.parse().ok()
    }

    /// `HH[:MM[:SS[.f]]]` in nanoseconds, with at most `places` digits of a fraction.
    fn clock(&mut self, places: usize) -> Option<(i64, &'static str)> {
        let before = self.0;
        let hours = self.two()?;
        if self.0.starts_with(|letter: char| letter.is_ascii_digit()) {
            self.0 = before;
            return None;
        }
        let (mut minutes, mut seconds, mut fraction, mut form) = (0, 0, 0, "%H");
        if self.take(":") {
            minutes = self.two()?;
            form = "%H:%M";
            if self.take(":") {
                seconds = self.two()?;
                form = "%H:%M:%S";
                if self.take(".") {
                    let digits = self.digits(places).unwrap_or("");
                    let nanos = digits.get(..digits.len().min(9)).unwrap_or("");
                    fraction = format!("{nanos:0<9}").parse().unwrap_or(0);
                    form = "%H:%M:%S.%f";
                }
            }
        }
        Some((clock(hours, minutes, seconds)? + fraction, form))
    }

    /// `HHMM[SS]`.
    fn compact_clock(&mut self) -> Option<(i64, &'static str)> {
        let digits = self.digits(6).filter(|digits| digits.len() % 2 == 0 && digits.len() >= 4)?;
        let part = |from: usize| digits.get(from..from + 2).map_or(Some(0), |part| part.parse::<i64>().ok());
        Some((clock(part(0)?, part(2)?, part(4)?)?, "%H%M%S"))
    }

    /// `+HH[[:]MM]`, in minutes.
    fn offset(&mut self) -> Option<i64> {
        let before = self.0;
        let sign = if self.take("+") {
            1
        } else if self.take("-") {
            -1
        } else {
            return None;
        };
        let Some(hours) = self.two() else {
            self.0 = before;
            return None;
        };
        self.take(":");
        Some(sign * (hours * 60 + self.two().unwrap_or(0)))
    }

    /// The form of a date, and its year, month and day.
    fn date(&mut self, day_first: bool) -> Option<(String, [i64; 3])> {
        if self.name(&WEEKDAYS).is_some() {
            self.word(&[","]);
            self.0 = self.0.trim_start_matches(' ');
        }
        if let Some(month) = self.name(&MONTHS) {
            self.0 = self.0.trim_start_matches([' ', '.', '-']);
            let first = self.digits(4)?;
            if first.len() == 4 {
                return Some(("%b %Y".into(), [first.parse().ok()?, month, 1]));
            }
            self.word(&[", ", ",", " ", "-"]);
            self.0 = self.0.trim_start_matches(' ');
            let year = self.digits(4).filter(|year| year.len() == 4)?;
            return Some(("%b %d %Y".into(), [year.parse().ok()?, month, first.parse().ok()?]));
        }
        let run = self.0.bytes().take_while(u8::is_ascii_digit).count();
        match run {
            8 | 12 | 14 => {
                let year = self.digits(4)?.parse().ok()?;
                Some(("%Y%m%d".into(), [year, self.two()?, self.two()?]))
            }
            4 => self.year_first(),
            1 | 2 => self.year_last(day_first),
            _ => None,
        }
    }

    fn year_first(&mut self) -> Option<(String, [i64; 3])> {
        let year = self.digits(4)?.parse().ok()?;
        if self.word(&["Q", "q"]) {
            let quarter: i64 = self.digits(1)?.parse().ok().filter(|quarter| (1..=4).contains(quarter))?;
            return Some(("quarter".into(), [year, quarter * 3 - 2, 1]));
        }
        let Some(mark) = ["-", "/", "."].into_iter().find(|mark| self.take(mark)) else {
            return Some(("%Y".into(), [year, 1, 1]));
        };
        let month = self.number()?;
        if !self.take(mark) {
            return Some((format!("%Y{mark}%m"), [year, month, 1]));
        }
        Some((format!("%Y{mark}%m{mark}%d"), [year, month, self.number()?]))
    }

    fn year_last(&mut self, day_first: bool) -> Option<(String, [i64; 3])> {
        let first = self.number()?;
        let mark = ["-", "/", ".", " "].into_iter().find(|mark| self.take(mark))?;
        if let Some(month) = self.name(&MONTHS) {
            self.word(&[", ", ",", " ", "-", "."]);
            let year = self.digits(4).filter(|year| year.len() == 4)?;
            return Some(("%d %b %Y".into(), [year.parse().ok()?, month, first]));
        }
        let second = self.number()?;
        if !self.take(mark) {
            return None;
        }
        let digits = self.digits(4).filter(|digits| digits.len() != 3)?;
        let year: i64 = digits.parse().ok()?;
        let (year, letter) = match digits.len() {
            4 => (year, 'Y'),
            _ if year < 70 => (year + 2000, 'y'),
            _ => (year + 1900, 'y'),
        };
        if day_first || first > 12 {
            return Some((format!("%d{mark}%m{mark}%{letter}"), [year, second, first]));
        }
        Some((format!("%m{mark}%d{mark}%{letter}"), [year, first, second]))
    }

    /// The place of a name of which at least three letters are there, from 1.
    fn name(&mut self, names: &[&str]) -> Option<i64> {
        let count = self.0.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (word, rest) = self.0.split_at(count);
        let word = word.to_ascii_lowercase();
        let place = names.iter().position(|name| word == *name || (word.len() == 3 && name.starts_with(&word)))?;
        self.0 = rest;
        i64::try_from(place + 1).ok()
    }
}

fn clock(hours: i64, minutes: i64, seconds: i64) -> Option<i64> {
    let good = hours < 24 && minutes < 60 && seconds < 60;
    good.then_some(((hours * 60 + minutes) * 60 + seconds) * SECOND)
}

fn is_day(year: i64, month: i64, day: i64) -> bool {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    (1..=length).contains(&day)
}

/// Days since 1970, of the Gregorian calendar at all times.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March here, so that a leap day is the last of its year.
    let year = if month <= 2 { year.wrapping_sub(1) } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era.wrapping_mul(146_097).wrapping_add(of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// Year, month and day in UTC.
fn today() -> [i64; 3] {
    let today = now() / DAY;
    let year = 1970 + today / 366;
    let year = (year..).take_while(|&year| days(year, 1, 1) <= today).last().unwrap_or(1970);
    let month = (1..=12).take_while(|&month| days(year, month, 1) <= today).last().unwrap_or(1);
    [year, month, today - days(year, month, 1) + 1]
}
