//! What the search's constants do: whole searches against a simulated single queue with stalls, compared with the
//! long-run truth. `cargo bench -p yummy-load --bench search_rules`
//!
//! Service about 0.5 ms, capacity about 2000/s; stalls of exponential length come at random. Objective: p99 <= 20 ms.
#![expect(clippy::print_stdout, reason = "a bench prints its table")]

use std::time::Duration;

use yummy_load::{
    play::Counts,
    rng::Rng,
    search::{Purpose, Search, SearchSpec, Step, Told},
    slo::{SLOW_BUDGET, Slo},
    verdict::{Decision, Judge, Question},
};

const SEARCHES: u64 = 40;
const P99_S: f64 = 0.020;
/// Length of the simulation that gives the truth at one rate, seconds.
const TRUTH_S: usize = 1440;

#[derive(Clone, Copy)]
struct Server {
    name: &'static str,
    stalls_per_s: f64,
    stall_mean_s: f64,
    /// Trial-to-trial spread of the server's speed.
    drift: f64,
}

/// A single queue: one window after the other.
struct Queue {
    rng: Rng,
    server: Server,
    speed: f64,
    free_at: f64,
    next_stall: f64,
}

impl Queue {
    fn new(server: Server, mut rng: Rng) -> Self {
        let speed = 1.0 + server.drift * rng.normal();
        let next_stall = rng.exponential() / server.stalls_per_s;
        Self { rng, server, speed, free_at: 0.0, next_stall }
    }

    /// Answer time of a request that arrives at `at`.
    fn answer(&mut self, at: f64) -> f64 {
        let mut begin = self.free_at.max(at);
        while self.next_stall <= begin {
            begin = begin.max(self.next_stall + self.rng.exponential() * self.server.stall_mean_s);
            self.next_stall += self.rng.exponential() / self.server.stalls_per_s;
        }
        self.free_at = begin + 0.0005 / self.speed * (0.6 + 0.8 * self.rng.unit());
        self.free_at
    }

    /// Window `index` at `rate`: its counts, and the answer times of its requests.
    fn window(&mut self, index: usize, rate: f64) -> (Counts, Vec<f64>) {
        let (from, to) = ((index as f64 * rate).ceil() as u64, ((index + 1) as f64 * rate).ceil() as u64);
        let mut counts = Counts { arrivals: to - from, ..Counts::default() };
        let mut answers = Vec::new();
        for arrival in from..to {
            let at = arrival as f64 / rate;
            let answered = self.answer(at);
            counts.answered += 1;
            counts.in_time += u64::from(answered - at <= P99_S);
            answers.push(answered);
        }
        (counts, answers)
    }
}

/// One trial by the real judge; outcome and seconds of load.
fn trial(queue: &mut Queue, rate: f64, windows: usize, question: Question) -> (Told, f64) {
    let slo = Slo { p99: Duration::from_secs_f64(P99_S), ..Slo::default() };
    let mut judge = Judge::new(slo, question, rate, windows);
    let (mut total, mut answers) = (Counts::default(), Vec::new());
    for index in 0..windows {
        let (counts, new) = queue.window(index, rate);
        answers.extend(new);
        total.arrivals += counts.arrivals;
        total.in_time += counts.in_time;
        let looked_at = (index + 1) as f64 + P99_S;
        total.answered = answers.iter().filter(|&&at| at <= looked_at).count() as u64;
        if let Some(decision) = judge.push(&counts, &total) {
            let told = match decision {
                Decision::Pass => Told::Pass,
                Decision::Fail(objective) => Told::Fail(objective),
                Decision::Undecided => Told::Undecided,
            };
            return (told, (index + 1) as f64);
        }
    }
    (Told::Undecided, windows as f64)
}

/// One whole search: its result and the seconds of load that it took.
fn search(server: Server, seed: u64, careful: bool) -> (f64, f64, bool) {
    let spec = SearchSpec {
        idle_rate: 40.0,
        ceiling: 40_000.0,
        precision: 0.05,
        careful,
        start: 50.0,
        idle_windows: 20,
        confirm_windows: 60,
    };
    let mut search = Search::new(spec);
    let (mut rng, mut load_seconds) = (Rng::new(seed), 0.0);
    loop {
        let ask = match search.step() {
            Step::Done(answer) => return (answer.low, load_seconds, search.is_noisy()),
            Step::Try(ask) => ask,
        };
        let mut queue = Queue::new(server, Rng::new(rng.bits()));
        if ask.purpose == Purpose::Idle {
            let mut slow = 0;
            let mut all = 0;
            for index in 0..ask.windows {
                let (counts, _) = queue.window(index, ask.rate);
                (slow, all) = (slow + counts.arrivals - counts.in_time, all + counts.arrivals);
            }
            search.tell(Told::Idle { slow_share: slow as f64 / all as f64, slow });
            continue;
        }
        let (told, seconds) = trial(&mut queue, ask.rate, ask.windows, ask.question);
        load_seconds += seconds;
        search.tell(told);
    }
}

/// The highest rate whose long-run slow share is within the budget.
fn truth(server: Server) -> f64 {
    let server = Server { drift: 0.0, ..server };
    let (mut low, mut high) = (100.0, 3000.0);
    while high / low > 1.005 {
        let rate: f64 = f64::sqrt(low * high);
        let mut queue = Queue::new(server, Rng::new(7));
        let (mut slow, mut all) = (0, 0);
        for index in 0..TRUTH_S {
            let (counts, _) = queue.window(index, rate);
            (slow, all) = (slow + counts.arrivals - counts.in_time, all + counts.arrivals);
        }
        if slow as f64 <= SLOW_BUDGET * all as f64 { low = rate } else { high = rate }
    }
    low
}

fn main() {
    let servers = [
        Server { name: "steady", stalls_per_s: 1e-9, stall_mean_s: 0.0, drift: 0.0 },
        Server { name: "small stalls (0.3/s of 10 ms)", stalls_per_s: 0.3, stall_mean_s: 0.010, drift: 0.0 },
        Server { name: "small stalls, 5 % drift", stalls_per_s: 0.3, stall_mean_s: 0.010, drift: 0.05 },
        Server { name: "noise (0.3/s of 30 ms)", stalls_per_s: 0.3, stall_mean_s: 0.030, drift: 0.0 },
    ];
    println!(
        "server                          T_max  truth/s   p5..p95 of result/truth  > 5 % high  > 15 % low  load-seconds  noisy"
    );
    for server in servers {
        let truth = truth(server);
        for careful in [false, true] {
            let results: Vec<(f64, f64, bool)> =
                (0..SEARCHES).map(|seed| search(server, 1000 + seed, careful)).collect();
            let mut ratios: Vec<f64> = results.iter().map(|(rate, ..)| rate / truth).collect();
            ratios.sort_by(f64::total_cmp);
            let share = |of: &dyn Fn(f64) -> bool| {
                100.0 * ratios.iter().filter(|&&ratio| of(ratio)).count() as f64 / ratios.len() as f64
            };
            let mean_seconds = results.iter().map(|(_, seconds, _)| seconds).sum::<f64>() / results.len() as f64;
            println!(
                "{:30}  {:5}  {truth:7.0}   {:10.2}..{:<11.2}  {:8.0} %  {:8.0} %  {mean_seconds:12.0}  {:3} of {}",
                server.name,
                if careful { "60 s" } else { "20 s" },
                ratios[ratios.len() / 20],
                ratios[ratios.len() - 1 - ratios.len() / 20],
                share(&|ratio| ratio > 1.05),
                share(&|ratio| ratio < 0.85),
                results.iter().filter(|(.., noisy)| *noisy).count(),
                results.len()
            );
        }
    }
}
