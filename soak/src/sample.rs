//! Samples of the process, and of the clients that last.

use std::fs;
use std::io;

use cap::Cap;
use casty_client::ClusterClient;
use tokio::runtime::Handle;

/// Counts what is allocated.
#[global_allocator]
static HEAP: Cap<std::alloc::System> = Cap::new(std::alloc::System, usize::MAX);

/// The growth that a figure may show.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Growth {
    /// Per cent of its first value.
    pub(crate) percent: u32,
    /// An amount on top of that.
    pub(crate) plus: u32,
}

/// A figure, and the growth that it may show from the beginning to the end.
#[derive(Debug)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    /// Between averages of samples under load and faults.
    pub(crate) under_load: Growth,
    /// Between the least of samples of moments at which nothing moves.
    pub(crate) at_rest: Growth,
    /// The part of it that each further connection of a lasting client explains at rest: after a
    /// failure a client may have two to a node, and fake nodes have their ends in this process.
    pub(crate) a_connection: u32,
}

const fn figure(
    name: &'static str,
    under_load: (u32, u32),
    at_rest: (u32, u32),
    a_connection: u32,
) -> Figure {
    Figure {
        name,
        under_load: Growth {
            percent: under_load.0,
            plus: under_load.1,
        },
        at_rest: Growth {
            percent: at_rest.0,
            plus: at_rest.1,
        },
        a_connection,
    }
}

/// The number of figures.
pub(crate) const COUNT: usize = 18;

/// All figures, in the order of a sample.
pub(crate) const FIGURES: [Figure; COUNT] = [
    figure("resident memory, KiB", (25, 16_384), (25, 8_192), 64),
    figure("live heap, KiB", (25, 8_192), (25, 2_048), 64),
    figure("descriptors", (25, 32), (0, 4), 2),
    figure("tasks", (25, 32), (0, 4), 4),
    // Files are read on threads that end when they have had nothing to do for a while.
    figure("threads", (0, 16), (0, 16), 0),
    figure("connections", (25, 16), (0, 0), 0),
    figure("secondary connections", (25, 16), (0, 16), 0),
    figure("pending asks", (100, 100), (0, 0), 0),
    figure("buffered messages", (100, 5_000), (0, 0), 0),
    figure("queued messages", (100, 5_000), (0, 0), 0),
    figure("buffered bytes", (100, 1_000_000), (0, 0), 0),
    figure("queued bytes", (100, 1_000_000), (0, 0), 0),
    figure("bytes kept for asks", (100, 100_000), (0, 0), 0),
    figure("tells that wait", (100, 100), (0, 0), 0),
    figure("actors", (100, 16), (0, 0), 0),
    figure("messages in mailboxes", (100, 100), (0, 0), 0),
    figure("events", (100, 64), (0, 8), 0),
    figure("dial failures", (100, 64), (0, 8), 0),
];

/// The indices of both kinds of connections among the figures.
pub(crate) const CONNECTIONS: [usize; 2] = [5, 6];

/// The figures that are zero when nothing moves.
pub(crate) const PENDING: std::ops::Range<usize> = 7..16;

/// The figures at one moment, or their averages.
pub(crate) type Sample = [f64; COUNT];

/// Takes a sample of this process and of these clients together.
pub(crate) fn take(clients: &[ClusterClient]) -> io::Result<Sample> {
    let mut of_clients = [0_u64; COUNT - 5];
    for client in clients {
        let stats = client.stats();
        let gauges = stats.gauges;
        let figures = [
            stats.connections,
            stats.secondary_connections,
            stats.pending_asks,
            stats.buffered,
            stats.queued,
            gauges.buffered_bytes,
            gauges.queued_bytes,
            stats.ask_bytes,
            gauges.waiting_tells,
            gauges.actors,
            gauges.mailboxes,
            gauges.waiting_views,
            gauges.dial_failures,
        ];
        for (sum, figure) in of_clients.iter_mut().zip(figures) {
            *sum += figure;
        }
    }
    let of_process = process()?;
    let mut sample = [0.0; COUNT];
    let all = of_process.into_iter().chain(of_clients);
    for (figure, value) in sample.iter_mut().zip(all) {
        *figure = as_float(value);
    }
    Ok(sample)
}

/// Returns the figures of the process, as Linux tells them.
fn process() -> io::Result<[u64; 5]> {
    let tasks = Handle::current().metrics().num_alive_tasks();
    // The listing of the folder is a descriptor itself.
    let descriptors = fs::read_dir("/proc/self/fd")?.count().saturating_sub(1);
    let status = fs::read_to_string("/proc/self/status")?;
    let line = |name| number(&status, name).ok_or(io::ErrorKind::InvalidData);
    Ok([
        line("VmRSS:")?,
        HEAP.allocated() as u64 / 1024,
        descriptors as u64,
        tasks as u64,
        line("Threads:")?,
    ])
}

/// Returns the first number behind a name at the beginning of a line.
fn number(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "no figure comes near the precision of a float"
)]
fn as_float(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn numbers_are_read_from_lines_by_their_name() {
        let text = "VmRSSX:\t 1 kB\nVmRSS:\t    5123 kB\nThreads:\t7\n";
        assert_eq!(number(text, "VmRSS:"), Some(5123));
        assert_eq!(number(text, "Threads:"), Some(7));
        assert_eq!(number(text, "VmSize:"), None);
    }

    #[tokio::test]
    async fn a_sample_shows_what_was_opened_allocated_and_spawned() {
        let names = |name| FIGURES.iter().position(|figure| figure.name == name);
        let figures = ["live heap, KiB", "descriptors", "tasks"].map(|name| names(name).unwrap());
        let before = take(&[]).unwrap();
        let files: Vec<_> = (0..50)
            .map(|_| File::open("/proc/self/status").unwrap())
            .collect();
        let tasks: Vec<_> = (0..50)
            .map(|_| tokio::spawn(std::future::pending::<()>()))
            .collect();
        let bytes = vec![0_u8; 64 << 20];
        let after = take(&[]).unwrap();
        for (figure, at_least) in figures.into_iter().zip([60_000.0, 45.0, 50.0]) {
            let grown = after[figure] - before[figure];
            assert!(grown >= at_least, "{}: {grown}", FIGURES[figure].name);
        }
        drop((files, tasks, bytes));
    }
}
