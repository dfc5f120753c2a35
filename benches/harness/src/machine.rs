//! The processor time and the memory of a process.

use std::fs;
use std::time::Duration;

/// The unit in which Linux counts memory here; a machine with larger pages is told too little.
const PAGE: u64 = 4096;

/// Returns the time that all threads of this process were on a processor; zero where the system
/// does not tell it as Linux does. Threads that have ended are not counted.
pub fn processor_time() -> Duration {
    let Ok(threads) = fs::read_dir("/proc/self/task") else {
        return Duration::ZERO;
    };
    threads
        .flatten()
        .filter_map(|thread| {
            let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
            Some(Duration::from_nanos(text.split(' ').next()?.parse().ok()?))
        })
        .sum()
}

/// Returns the bytes of this process that are in memory (RSS); zero where the system does not tell
/// it as Linux does.
pub fn resident() -> u64 {
    resident_in("self")
}

/// Returns the bytes of another process that are in memory; zero as with [`resident`], and if there is none.
pub fn resident_of(process: u32) -> u64 {
    resident_in(&process.to_string())
}

fn resident_in(process: &str) -> u64 {
    let statm = fs::read_to_string(format!("/proc/{process}/statm")).unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.map_or(0, |pages: u64| pages * PAGE)
}
