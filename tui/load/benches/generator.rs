//! What the generator costs: its CPU and its lag at 1,000, 5,000, 20,000 and 40,000 requests a second against a server
//! that does nothing. `cargo bench -p yummy-load --bench generator`
#![expect(clippy::print_stdout, reason = "a bench prints its table")]

use std::time::Duration;

use yummy_api::load::Arrivals;
use yummy_load::{
    Plan, Run, Scenario,
    bodies::{Bodies, JSON},
    generator::Transport,
    null_server::NullServer,
    slo::Slo,
    target::{Reach, Target},
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = NullServer::start()?;
    println!("offered/s  achieved/s  generator cores  µs CPU/request  lag p50 ms  lag p99 ms  p50 ms  p99 ms  verdict");
    for rate in [1_000.0, 5_000.0, 20_000.0, 40_000.0] {
        let body = r#"{"dataframe_split": {"columns": ["a", "b", "c", "d"], "data": [[5.1, 3.5, 1.4, 0.2]]}}"#;
        let plan = Plan {
            target: Target::resolve(&format!("http://{}", server.addr()), "/invocations", &Reach::Loopback)?,
            model: String::new(),
            reach: Reach::Loopback,
            bodies: Bodies::same(body, JSON, 1, "bench"),
            transport: Transport::default(),
            slo: Slo::default(),
            arrivals: Arrivals::Constant,
            seed: 1,
        };
        let scenario = Scenario::Burst { rate, duration: Duration::from_secs(5) };
        let outcome = Run::start(plan, scenario, None)?.join()?;
        let trial = &outcome.report.trials[0];
        let (lag, response) = (trial.lag_ms.unwrap_or_default(), trial.response_ms.unwrap_or_default());
        let cores = trial.cpu.generator.unwrap_or_default();
        println!(
            "{:9.0}  {:10.0}  {cores:15.2}  {:14.1}  {:10.3}  {:10.3}  {:6.3}  {:6.3}  {:?}",
            trial.offered,
            trial.achieved,
            cores / trial.achieved * 1e6,
            lag.p50,
            lag.p99,
            response.p50,
            response.p99,
            trial.verdict
        );
    }
    Ok(())
}
