//! The command as a process, against clusters of fake nodes in the test's.

mod ask;
mod demo;
mod lookup;
mod process;
mod tell;
mod topology;
mod usage;
