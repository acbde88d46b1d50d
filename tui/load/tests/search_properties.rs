//! The search on thousands of simulated servers: it ends, its interval only narrows, and a monotone server is found.
#![allow(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;
use yummy_api::load::LimitKind;
use yummy_load::{
    rng::Rng,
    search::{Answer, Ending, Purpose, Search, SearchSpec, Step, Told},
    verdict::Objective,
};

/// More steps than any search can take: 1 idle, 20 ramp steps twice, 15 bisections by 3, 3 confirmations, 1 above, each
/// void twice.
const TOO_MANY: usize = 300;

fn spec(ceiling: f64, precision: f64) -> SearchSpec {
    SearchSpec {
        idle_rate: 10.0,
        ceiling,
        precision,
        careful: false,
        start: 50.0,
        idle_windows: 20,
        confirm_windows: 60,
    }
}

/// Runs a search against `server`, checking on the way that the interval only narrows and the ceiling holds.
fn run(spec: SearchSpec, mut server: impl FnMut(f64, Purpose) -> Told) -> (Answer, usize) {
    let mut search = Search::new(spec);
    let mut before: Option<(f64, f64)> = None;
    for steps in 0..TOO_MANY {
        let ask = match search.step() {
            Step::Done(answer) => return (answer, steps),
            Step::Try(ask) => ask,
        };
        assert!(ask.rate <= spec.ceiling * (1.0 + 1e-12), "{ask:?} is above the ceiling");
        assert!(ask.rate > 0.0 && ask.windows > 0);
        let confirming = ask.purpose == Purpose::Confirm;
        search.tell(server(ask.rate, ask.purpose));
        if let (low, Some(high)) = search.interval() {
            assert!(low < high, "{low}..{high}");
            if let Some((low_before, high_before)) = before {
                assert!(high <= high_before, "the upper end went up");
                assert!(low >= low_before || confirming, "the lower end went down");
            }
            before = Some((low, high));
        }
    }
    panic!("the search did not end within {TOO_MANY} steps");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// Capacity, ceiling and precision at random; one trial in `void_every` is void at random.
    #[test]
    fn a_monotone_server_is_found(
        capacity in (1.1f64..11.0).prop_map(|e| e.exp2() * 10.0),
        ceiling in (8.0f64..16.0).prop_map(f64::exp2),
        precision in 0.01f64..0.2,
        void_every in 5u64..50,
        seed in any::<u64>(),
    ) {
        let mut rng = Rng::new(seed);
        let mut voids_in_a_row = 0;
        let (answer, _) = run(spec(ceiling, precision), |rate, _| {
            if voids_in_a_row < 2 && rng.bits().is_multiple_of(void_every) {
                voids_in_a_row += 1;
                return Told::Void;
            }
            voids_in_a_row = 0;
            if rate <= capacity { Told::Pass } else { Told::Fail(Objective::P99) }
        });
        if capacity >= ceiling {
            prop_assert_eq!(answer.kind, LimitKind::Generator);
            prop_assert_eq!((answer.low, answer.high), (ceiling, None));
        } else {
            let high = answer.high.unwrap();
            prop_assert!(answer.low <= capacity && capacity < high, "{}..{} around {}", answer.low, high, capacity);
            prop_assert!(high / answer.low <= 1.0 + precision + 1e-9);
            prop_assert!(answer.confirmed);
            prop_assert_eq!((answer.kind, answer.ending), (LimitKind::Slo, Ending::Found));
        }
    }

    /// Whatever the outcomes are, in whatever order, the search ends with an interval that makes sense.
    #[test]
    fn any_server_ends(seed in any::<u64>(), ceiling in 60.0f64..50_000.0) {
        let mut rng = Rng::new(seed);
        let (answer, _) = run(spec(ceiling, 0.05), |_, purpose| match (rng.below(8), purpose) {
            (0 | 1, _) => Told::Fail(Objective::P99),
            (2, _) => Told::Fail(Objective::Achieved),
            (3, _) => Told::Undecided,
            (4, _) => Told::Void,
            (5, Purpose::Idle) => Told::Idle { slow_share: 0.004, slow: 8 },
            _ => Told::Pass,
        });
        prop_assert!(answer.low >= 0.0 && answer.low <= ceiling);
        prop_assert!(answer.high.is_none_or(|high| answer.low < high));
        prop_assert!(answer.undecided.is_none_or(|(low, high)| low <= high));
    }
}

#[test]
fn one_bad_ramp_step_does_not_cap_the_search() {
    let mut failed = false;
    let (answer, _) = run(spec(50_000.0, 0.05), |rate, purpose| {
        if purpose == Purpose::Ramp && rate > 150.0 && !failed {
            failed = true;
            return Told::Fail(Objective::P99);
        }
        if rate <= 2000.0 { Told::Pass } else { Told::Fail(Objective::P99) }
    });
    assert!(failed && answer.low > 1900.0, "{answer:?}");
}

#[test]
fn a_generator_that_spoils_three_trials_is_the_limit() {
    let (answer, steps) = run(spec(50_000.0, 0.05), |rate, _| if rate <= 400.0 { Told::Pass } else { Told::Void });
    assert_eq!((answer.kind, answer.low, answer.high), (LimitKind::Generator, 400.0, None));
    assert_eq!(steps, 1 + 4 + 3);
}

#[test]
fn a_server_that_never_meets_the_objectives_ends_after_two_looks() {
    let (answer, steps) = run(spec(50_000.0, 0.05), |_, _| Told::Idle { slow_share: 0.3, slow: 60 });
    assert_eq!((answer.ending, answer.low, steps), (Ending::NeverMet, 0.0, 2));
}

#[test]
fn a_noisy_idle_server_is_searched_for_saturation() {
    let mut questions = Vec::new();
    let mut search = Search::new(spec(50_000.0, 0.05));
    search.tell(Told::Idle { slow_share: 0.006, slow: 24 });
    while let Step::Try(ask) = search.step() {
        questions.push(ask.question);
        search.tell(if ask.rate <= 900.0 { Told::Pass } else { Told::Fail(Objective::Achieved) });
    }
    let Step::Done(answer) = search.step() else { unreachable!() };
    assert_eq!(answer.kind, LimitKind::Noise);
    assert!(answer.low <= 900.0 && answer.high.unwrap() > 900.0);
    assert!(questions.iter().all(|question| *question == yummy_load::verdict::Question::Saturation));
}

#[test]
fn a_spent_budget_leaves_an_interval_not_a_number() {
    let mut search = Search::new(spec(50_000.0, 0.05));
    for _ in 0..9 {
        let Step::Try(ask) = search.step() else { break };
        search.tell(if ask.rate <= 700.0 { Told::Pass } else { Told::Fail(Objective::P99) });
    }
    search.spend_budget();
    let Step::Done(answer) = search.step() else { panic!("still searching") };
    assert_eq!(answer.ending, Ending::Budget);
    assert!(!answer.confirmed && answer.low <= 700.0 && answer.high.unwrap() > 700.0, "{answer:?}");
}

#[test]
fn the_look_above_the_limit_is_no_missing_verdict() {
    let (answer, _) = run(spec(50_000.0, 0.05), |rate, purpose| match purpose {
        Purpose::Above => Told::Undecided,
        _ if rate <= 700.0 => Told::Pass,
        _ => Told::Fail(Objective::P99),
    });
    assert_eq!((answer.ending, answer.undecided), (Ending::Found, None));
}
