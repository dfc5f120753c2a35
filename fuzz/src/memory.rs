//! The memory that a decoder takes for an input.

use allocation_counter::measure;

/// Returns the memory that an input of that many bytes may take: 48 times as much and 256 KiB.
pub fn allowance(input: usize) -> u64 {
    48 * input as u64 + 256 * 1024
}

/// Runs `work` and returns its result with the most bytes that it had allocated at one time.
///
/// Allocations of this thread through Rust's allocator count, beyond those it had before; a buffer that
/// grows counts twice while it is copied. The memory of C libraries does not count.
pub fn peak<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let mut done = None;
    let info = measure(|| done = Some(work()));
    let done = done.expect("the work was done");
    (done, info.bytes_max)
}

/// Runs `work` and panics if it takes more than `allowed` bytes.
pub fn within<T>(allowed: u64, what: &str, work: impl FnOnce() -> T) -> T {
    let (done, peak) = peak(work);
    assert!(peak <= allowed, "{what} took {peak} bytes of {allowed}");
    done
}
