//! The machine that is measured on.

use std::fs;
use std::process::Command;
use std::thread::available_parallelism;

use serde_json::{Value, json};

/// Facts that a reader needs to judge figures by; null where the system does not tell.
pub fn facts() -> Value {
    let processor = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split(':').nth(1)?.trim().to_owned())
    });
    let line = |path| {
        fs::read_to_string(path)
            .ok()
            .map(|text| text.trim().to_owned())
    };
    json!({
        "cores": available_parallelism().ok().map(usize::from),
        "processor": processor,
        "kernel": line("/proc/sys/kernel/osrelease"),
        "load_before": line("/proc/loadavg"),
        "rustc": output("rustc", &["--version"]),
        "commit": output("git", &["describe", "--always", "--dirty", "--abbrev=12"]),
    })
}

fn output(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    output.status.success().then_some(text)
}
