//! How long to wait before the next attempt: half a second, doubling to five.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(5);

/// The wait after the given failed attempt, counted from 1.
pub(crate) fn wait(attempt: u32) -> Duration {
    let doublings = attempt.saturating_sub(1).min(8);
    (FIRST * 2_u32.pow(doublings)).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_half_a_second_to_five() {
        let waits: Vec<_> = (1..=6).map(|n| wait(n).as_millis()).collect();
        assert_eq!(waits, [500, 1000, 2000, 4000, 5000, 5000]);
        assert_eq!(wait(u32::MAX), LONGEST);
        assert_eq!(wait(0), FIRST);
    }
}
