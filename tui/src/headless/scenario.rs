//! From arguments to a scenario and its plan, with the defaults of the systems that the scenarios come from.

use std::time::Duration;

use yummy_load::{
    LoadError, Plan, Scenario,
    scenario::{FindSpec, ROWS},
    target::Reach,
};

use super::{
    args::{LoadArgs, ScenarioName},
    plan,
};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What to run, and on what.
pub(crate) fn build(args: &LoadArgs, reach: &Reach) -> Result<(Plan, Scenario), LoadError> {
    if args.scenario == ScenarioName::Compare {
        return compare(args, reach);
    }
    if let Some(extra) = args.targets.first() {
        return Err(bad("a second argument", extra, "left out, but for compare"));
    }
    let mut args = args.clone();
    if args.scenario == ScenarioName::Client {
        // What is reproduced is a client that opens a connection for every call.
        args.no_keepalive = true;
    }
    let plan = plan::build(&args, reach, args.rows)?;
    let scenario = scenario(&args, reach)?;
    Ok((plan, scenario))
}

fn scenario(args: &LoadArgs, reach: &Reach) -> Result<Scenario, LoadError> {
    let lasting = |default: Duration| args.duration.unwrap_or(default);
    Ok(match args.scenario {
        ScenarioName::Burst => burst(args)?,
        ScenarioName::Find => Scenario::Find(find(args)),
        ScenarioName::ResponseTime => Scenario::ResponseTime { duration: lasting(seconds(100)) },
        ScenarioName::LoadTest => {
            Scenario::LoadTest { to: args.rate.unwrap_or(300.0), duration: lasting(seconds(300)) }
        }
        ScenarioName::MaxPerformance => {
            Scenario::MaxPerformance { limit: args.rate, at: args.at, duration: lasting(seconds(300)) }
        }
        ScenarioName::Stress => Scenario::Stress { to: args.rate.unwrap_or(500.0), duration: lasting(seconds(100)) },
        ScenarioName::Soak => Scenario::Soak { rate: args.rate, duration: lasting(seconds(3600)) },
        ScenarioName::GridMlflow => {
            Scenario::GridMlflow { duration: lasting(if args.quick { seconds(5) } else { seconds(60) }) }
        }
        ScenarioName::Rows => {
            let bodies = ROWS.iter().map(|&rows| Ok(plan::build(args, reach, rows)?.bodies));
            Scenario::Rows { bodies: bodies.collect::<Result<_, LoadError>>()?, find: find(args) }
        }
        ScenarioName::Client => Scenario::Client { threads: args.threads, calls: args.calls },
        ScenarioName::Reload => Scenario::Reload { rate: args.rate.unwrap_or(100.0), duration: lasting(seconds(30)) },
        ScenarioName::Replay => Scenario::Replay,
        ScenarioName::Compare => return Err(bad("the scenario", "compare", "given two targets")),
    })
}

fn burst(args: &LoadArgs) -> Result<Scenario, LoadError> {
    let rate = args.rate.ok_or_else(|| bad("--rate", "missing", "given, in requests a second"))?;
    let duration = args.duration.unwrap_or(seconds(10));
    Ok(match args.spikes {
        Some(times) => Scenario::Spikes { base: rate, factor: args.factor, length: duration, times },
        None => Scenario::Burst { rate, duration },
    })
}

fn find(args: &LoadArgs) -> FindSpec {
    let spec = FindSpec {
        precision: args.precision,
        careful: args.careful,
        budget: args.budget,
        repeat: args.repeat,
        start: args.start,
        ..FindSpec::default()
    };
    if args.quick { spec.quick() } else { spec }
}

/// Two plans: each target is a model of `--url`, another server, or both as `URL=REF`.
fn compare(args: &LoadArgs, reach: &Reach) -> Result<(Plan, Scenario), LoadError> {
    let [a, b] = args.targets.as_slice() else {
        return Err(bad("compare", &args.targets.join(" "), "followed by two targets"));
    };
    let of = |target: &str| {
        let mut args = args.clone();
        match target.split_once('=') {
            Some((url, model)) if url.starts_with("http://") => {
                (args.url, args.model) = (url.to_owned(), Some(model.to_owned()));
            }
            _ if target.starts_with("http://") => args.url = target.to_owned(),
            _ => args.model = Some(target.to_owned()),
        }
        plan::build(&args, reach, args.rows)
    };
    let scenario = Scenario::Compare {
        other: Box::new(of(b)?),
        rate: args.rate.unwrap_or(100.0),
        duration: args.duration.unwrap_or(seconds(5)),
        rounds: args.rounds,
    };
    Ok((of(a)?, scenario))
}

fn bad(what: &'static str, given: &str, bounds: &str) -> LoadError {
    LoadError::Bounds { what, given: given.to_owned(), bounds: bounds.to_owned() }
}
