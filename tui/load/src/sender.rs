//! A sender thread: its share of the connections, each a task that takes the next due request when it is free.
//!
//! Everything here runs on one thread with a tokio runtime of its own, so the queue between the tasks needs no lock.

use std::{
    cell::RefCell,
    collections::VecDeque,
    future::poll_fn,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Poll, Waker},
    time::{Duration, Instant},
};

use tokio::{
    sync::{mpsc, oneshot},
    task::{JoinSet, LocalSet},
};

use crate::{
    cpu,
    error::LoadError,
    exchange::{Connection, Template},
    play::{Arrival, Ended, Failure},
};

/// How often the thread's CPU time is published.
const CPU_EVERY: Duration = Duration::from_millis(100);
/// Arrivals that are taken over at once.
const BATCH: usize = 256;

/// What a sender thread is given.
pub(crate) struct Setup {
    pub(crate) id: usize,
    pub(crate) connections: usize,
    pub(crate) template: Template,
    pub(crate) cpu_ns: Arc<AtomicU64>,
}

/// Asks a sender thread to give up everything in flight and to open its connections anew; answered when that is done.
pub(crate) type Reset = oneshot::Sender<Result<(), LoadError>>;

/// Runs until `arrivals` and `resets` are both dropped, or `abort` resolves.
pub(crate) async fn run(
    setup: Setup,
    mut arrivals: mpsc::Receiver<Arrival>,
    mut resets: mpsc::Receiver<Reset>,
    abort: oneshot::Receiver<()>,
    opened: Reset,
) {
    let shared = Rc::new(Shared { setup, queue: RefCell::default() });
    let local = LocalSet::new();
    let work = async {
        let mut tasks = JoinSet::new();
        let _ = opened.send(open_all(&shared, &mut tasks).await);
        let mut batch = Vec::with_capacity(BATCH);
        let mut tick = tokio::time::interval(CPU_EVERY);
        loop {
            tokio::select! {
                taken = arrivals.recv_many(&mut batch, BATCH) => {
                    if taken == 0 { break }
                    shared.offer(&mut batch);
                }
                Some(done) = resets.recv() => {
                    // Dropping the tasks closes their connections and counts their requests as unanswered.
                    tasks = JoinSet::new();
                    shared.give_up(&mut arrivals);
                    let _ = done.send(open_all(&shared, &mut tasks).await);
                }
                _ = tick.tick() => shared.publish_cpu(),
            }
        }
    };
    local
        .run_until(async {
            tokio::select! {
                () = work => {}
                _ = abort => {}
            }
        })
        .await;
}

async fn open_all(shared: &Rc<Shared>, tasks: &mut JoinSet<()>) -> Result<(), LoadError> {
    let addr = shared.setup.template.addr;
    for id in 0..shared.setup.connections {
        let connection = if shared.setup.template.keep_alive {
            Some(Connection::open(addr).await.map_err(|source| LoadError::Connect { addr, source })?)
        } else {
            None
        };
        tasks.spawn_local(serve(Rc::clone(shared), id, connection));
    }
    Ok(())
}

/// A request that a connection can take.
struct Due {
    arrival: Arrival,
    /// When this thread had it in hand.
    at_hand: Instant,
    /// Whether every connection was busy then.
    waited: bool,
}

#[derive(Default)]
struct Queue {
    due: VecDeque<Due>,
    /// Connections that wait, the longest waiting first: all of them are used in turn, as the sockets of a server
    /// with several threads need it.
    idle: VecDeque<usize>,
    /// How to wake each connection that is in `idle`.
    wakers: Vec<Option<Waker>>,
}

impl Queue {
    /// Puts a connection among the idle ones, once: tasks are also polled without having been woken from here, and a
    /// second entry would later swallow the wake-up that another connection should have had.
    fn wait(&mut self, connection: usize, waker: &Waker) {
        if connection >= self.wakers.len() {
            self.wakers.resize_with(connection + 1, || None);
        }
        if self.wakers[connection].replace(waker.clone()).is_none() {
            self.idle.push_back(connection);
        }
    }

    /// Takes a connection out of the idle ones if it is among them.
    fn leave(&mut self, connection: usize) {
        if self.wakers.get_mut(connection).and_then(Option::take).is_some() {
            self.idle.retain(|&idle| idle != connection);
        }
    }

    /// Wakes the connection that has waited longest.
    fn wake_one(&mut self) -> bool {
        let waker = self.idle.pop_front().and_then(|connection| self.wakers[connection].take());
        waker.map(Waker::wake).is_some()
    }
}

struct Shared {
    setup: Setup,
    queue: RefCell<Queue>,
}

impl Shared {
    fn offer(&self, batch: &mut Vec<Arrival>) {
        let at_hand = Instant::now();
        let mut queue = self.queue.borrow_mut();
        for arrival in batch.drain(..) {
            let waited = !queue.wake_one();
            queue.due.push_back(Due { arrival, at_hand, waited });
        }
    }

    async fn next_due(&self, connection: usize) -> Due {
        poll_fn(|context| {
            let mut queue = self.queue.borrow_mut();
            match queue.due.pop_front() {
                Some(due) => {
                    queue.leave(connection);
                    Poll::Ready(due)
                }
                None => {
                    queue.wait(connection, context.waker());
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Counts everything that no connection has taken yet as unanswered.
    fn give_up(&self, arrivals: &mut mpsc::Receiver<Arrival>) {
        let mut queue = std::mem::take(&mut *self.queue.borrow_mut());
        let at_hand = Instant::now();
        while let Ok(arrival) = arrivals.try_recv() {
            queue.due.push_back(Due { arrival, at_hand, waited: true });
        }
        for due in queue.due {
            drop(Outstanding::new(self, due));
        }
    }

    fn publish_cpu(&self) {
        let used = u64::try_from(cpu::thread_cpu().as_nanos()).unwrap_or(0);
        self.setup.cpu_ns.store(used, Ordering::Relaxed);
    }
}

/// A request on its way. If it is dropped before it ended, it counts as unanswered, at its age.
struct Outstanding<'a> {
    shared: &'a Shared,
    due: Due,
    sent: Option<Instant>,
    ended: bool,
}

impl<'a> Outstanding<'a> {
    fn new(shared: &'a Shared, due: Due) -> Self {
        Self { shared, due, sent: None, ended: false }
    }

    fn end(&mut self, result: Result<(), Failure>) {
        self.ended = true;
        let arrival = &self.due.arrival;
        let (intended, now) = (arrival.intended(), Instant::now());
        let age = now.saturating_duration_since(intended);
        // A timeout counts as the timeout's value, not as the moment at which its timer was served.
        let response = if result == Err(Failure::Timeout) { arrival.play.timeout } else { age };
        // Waiting for a connection is the server's doing, not the generator's: lag ends when the request was at hand.
        let ready = if self.due.waited { self.due.at_hand } else { self.sent.unwrap_or(self.due.at_hand) };
        let ended = Ended {
            result,
            response,
            service: self.sent.map(|sent| now.saturating_duration_since(sent)),
            lag: ready.saturating_duration_since(intended),
            waited: self.due.waited,
        };
        arrival.play.finish(self.shared.setup.id, arrival.intended_ns, &ended);
    }
}

impl Drop for Outstanding<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.end(Err(Failure::Unanswered));
        }
    }
}

/// One connection's life: takes the next due request, sends it, reads the answer, counts it.
async fn serve(shared: Rc<Shared>, id: usize, mut connection: Option<Connection>) {
    loop {
        let due = shared.next_due(id).await;
        let deadline = due.arrival.intended() + due.arrival.play.timeout;
        let bodies = &due.arrival.play.bodies;
        let body = bodies[(due.arrival.index % bodies.len() as u64) as usize].clone();
        let mut outstanding = Outstanding::new(&shared, due);
        if Instant::now() >= deadline {
            outstanding.end(Err(Failure::Timeout));
            continue;
        }
        outstanding.sent = Some(Instant::now());
        let exchange = exchange(&shared.setup.template, &mut connection, body);
        let result = tokio::time::timeout_at(deadline.into(), exchange).await.unwrap_or(Err(Failure::Timeout));
        outstanding.end(result);
        // What is left of an answer that came too late must not be taken for the next one.
        let usable = shared.setup.template.keep_alive && matches!(result, Ok(()) | Err(Failure::Http(_)));
        if !usable {
            connection = None;
        }
    }
}

async fn exchange(template: &Template, connection: &mut Option<Connection>, body: bytes::Bytes) -> Result<(), Failure> {
    let open = match connection.take().filter(Connection::is_open) {
        Some(open) => open,
        None => Connection::open(template.addr).await.map_err(|error| Failure::of_connect(&error))?,
    };
    connection.insert(open).exchange(template, body).await
}
