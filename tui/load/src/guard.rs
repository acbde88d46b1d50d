//! Whether the generator, not the server, made a trial what it is. Such a trial is void: it says nothing of the server.
//! Pure: no clock, no I/O.

use std::time::Duration;

/// Least lag that is held against the generator; a scheduler's ordinary delays are below.
const LAG_FLOOR: Duration = Duration::from_millis(1);
/// Share of the objective's time that lag may take away from the server.
const LAG_SHARE: f64 = 0.05;
/// The same for a trial that met its objectives. Response times hold the lag, so what was met in spite of it is met; but
/// arrivals that come in bunches this far from their times are another load than the one that was asked for.
const LAG_SHARE_MET: f64 = 0.25;
/// A service time ends when the generator has read the answer, for which it may be late twice: at the send and here.
const LATE_TWICE: u32 = 2;
/// Share of the scheduled requests that must have been handed over.
const MIN_HANDED_OVER: f64 = 0.995;
/// Share of one core beyond which a generator thread is taken to be the bottleneck.
const MAX_THREAD_CORE: f64 = 0.8;
/// Share of the server's cores below which the server is not busy.
const SERVER_BUSY: f64 = 0.8;
/// Requests that must be measured before the lag's 99th percentile means anything.
const MIN_LAGS: u64 = 100;

/// What is known of the generator after a trial.
#[derive(Clone, Copy, Debug, Default)]
pub struct Health {
    /// Requests measured.
    pub measured: u64,
    /// 99th percentile of the lag.
    pub lag_p99: Duration,
    /// Requests that were scheduled within the measured time.
    pub scheduled: u64,
    /// Of these, those that the pacer handed over.
    pub handed_over: u64,
    /// Of these, those that met the bound of requests in flight.
    pub unsent: u64,
    /// Cores that the busiest generator thread used.
    pub busiest_thread: f64,
    /// Connections that could not be opened for want of file descriptors or ports.
    pub exhausted: u64,
    /// Share of its cores that the server used, where it says so.
    pub server_busy: Option<f64>,
    /// Share of requests that found every connection busy.
    pub waited_share: f64,
    /// 99th percentile of the service time, from the send to the answer.
    pub service_p99: Duration,
    /// Mean service time: a median would not see stalls.
    pub service_mean: Duration,
    /// Service time of the idle server, when it is known.
    pub idle_service: Option<Duration>,
}

/// What a trial is asked for, and so what the generator's lag must not have decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Its numbers.
    Numbers,
    /// Whether the objectives are met, and they were.
    Met,
    /// The same, and they were not.
    Missed,
}

/// Why the trial is void, or `None` when the generator did its part. `p99` is the objective's time.
#[must_use]
pub fn void_reason(health: &Health, p99: Duration, asked: Asked) -> Option<String> {
    let lag_limit = match asked {
        Asked::Met => LAG_FLOOR.max(p99.mul_f64(LAG_SHARE_MET)),
        // The server alone took longer than it may: on shared cores a busy server makes the generator late as well, and
        // to call that the generator's limit would hide the server's.
        Asked::Missed if health.service_p99 > p99 + health.lag_p99 * LATE_TWICE => Duration::MAX,
        Asked::Missed | Asked::Numbers => lag_limit(p99),
    };
    if health.exhausted > 0 {
        return Some(format!("{} connections had no file descriptor or port", health.exhausted));
    }
    if health.measured >= MIN_LAGS && health.lag_p99 > lag_limit {
        return Some(format!("lag p99 {} ms, above {} ms", ms(health.lag_p99), ms(lag_limit)));
    }
    if (health.handed_over as f64) < MIN_HANDED_OVER * health.scheduled as f64 {
        return Some(format!("{} of {} scheduled requests were handed over", health.handed_over, health.scheduled));
    }
    if health.busiest_thread > MAX_THREAD_CORE {
        return Some(format!("a generator thread used {:.0} % of a core", health.busiest_thread * 100.0));
    }
    let server_idle = health.server_busy.is_some_and(|busy| busy < SERVER_BUSY);
    if health.unsent > 0 && server_idle {
        return Some(format!("{} requests met the in-flight bound while the server had CPU left", health.unsent));
    }
    pool_reason(health, server_idle)
}

/// The lag that is held against the generator, for an objective of `p99`.
#[must_use]
pub fn lag_limit(p99: Duration) -> Duration {
    LAG_FLOOR.max(p99.mul_f64(LAG_SHARE))
}

/// The pool is the limit when requests wait for a connection while the server answers those that have one as fast as
/// when it is idle (Little's law: connections / service time is then the highest rate there can be).
fn pool_reason(health: &Health, server_idle: bool) -> Option<String> {
    /// Share of requests that wait for a connection before the pool is suspected.
    const MANY_WAIT: f64 = 0.05;
    /// Growth of the service time that shows a server queueing.
    const QUEUEING: f64 = 1.5;
    let idle = health.idle_service?;
    let unchanged = health.service_mean <= idle.mul_f64(QUEUEING);
    let limited = health.waited_share > MANY_WAIT && unchanged && (server_idle || health.server_busy.is_none());
    limited.then(|| "all connections were busy while service times stayed those of the idle server".to_owned())
}

fn ms(duration: Duration) -> String {
    format!("{:.1}", duration.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    const P99: Duration = Duration::from_millis(20);

    fn healthy() -> Health {
        Health {
            measured: 10_000,
            lag_p99: Duration::from_micros(200),
            scheduled: 10_000,
            handed_over: 10_000,
            busiest_thread: 0.3,
            service_mean: Duration::from_millis(1),
            idle_service: Some(Duration::from_millis(1)),
            ..Health::default()
        }
    }

    #[test]
    fn a_healthy_generator_voids_nothing() {
        assert_eq!(void_reason(&healthy(), P99, Asked::Numbers), None);
    }

    #[test]
    fn each_way_of_falling_behind_has_its_reason() {
        let cases = [
            (Health { lag_p99: Duration::from_millis(2), ..healthy() }, "lag p99 2.0 ms"),
            (Health { handed_over: 9_900, ..healthy() }, "9900 of 10000"),
            (Health { busiest_thread: 0.9, ..healthy() }, "a generator thread used 90 %"),
            (Health { exhausted: 3, ..healthy() }, "3 connections"),
            (Health { unsent: 7, server_busy: Some(0.3), ..healthy() }, "7 requests met"),
            (Health { waited_share: 0.5, server_busy: Some(0.3), ..healthy() }, "all connections were busy"),
        ];
        for (health, reason) in cases {
            let found = void_reason(&health, P99, Asked::Numbers).unwrap_or_default();
            assert!(found.starts_with(reason), "{found:?} for {reason:?}");
        }
    }

    #[test]
    fn a_server_at_its_limit_is_not_blamed_on_the_generator() {
        let busy = Health { unsent: 7, waited_share: 0.9, server_busy: Some(0.97), ..healthy() };
        assert_eq!(void_reason(&busy, P99, Asked::Numbers), None);
        let queueing = Health { waited_share: 0.9, service_mean: Duration::from_millis(9), ..healthy() };
        assert_eq!(void_reason(&queueing, P99, Asked::Numbers), None);
    }

    #[test]
    fn slow_objectives_allow_more_lag() {
        let late = Health { lag_p99: Duration::from_millis(8), ..healthy() };
        assert_eq!(void_reason(&late, Duration::from_millis(200), Asked::Numbers), None);
        assert!(void_reason(&late, P99, Asked::Numbers).is_some());
    }

    #[test]
    fn objectives_that_were_met_in_spite_of_the_lag_are_met() {
        let late = Health { lag_p99: Duration::from_millis(2), ..healthy() };
        assert!(void_reason(&late, P99, Asked::Numbers).is_some());
        assert_eq!(void_reason(&late, P99, Asked::Met), None);
        let bunched = Health { lag_p99: Duration::from_millis(6), ..healthy() };
        assert!(void_reason(&bunched, P99, Asked::Met).is_some_and(|why| why.starts_with("lag p99 6.0 ms, above 5.0")));
    }
    #[test]
    fn a_server_too_slow_by_itself_is_not_excused_by_the_lag_that_it_causes() {
        let lag_p99 = Duration::from_millis(5);
        let slow = Health { lag_p99, service_p99: Duration::from_millis(37), ..healthy() };
        assert_eq!(void_reason(&slow, P99, Asked::Missed), None);
        assert!(void_reason(&slow, P99, Asked::Numbers).is_some(), "its numbers hold the lag all the same");
        let late = Health { lag_p99, service_p99: Duration::from_millis(29), ..healthy() };
        assert!(void_reason(&late, P99, Asked::Missed).is_some(), "twice the lag explains it");
    }
}
