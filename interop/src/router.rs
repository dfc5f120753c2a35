//! A router between nodes and clients that can forget the connections through it, made of network
//! namespaces.
//!
//! Nodes run in one namespace, the router is another, and clients are where this process is.
//! Linux, root and the command `ip` (iproute2) are needed; nothing else of the machine is changed.

use std::fs;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};

use crate::error::Failure;

/// The host at which nodes behind a router listen.
pub(crate) const NODES: Ipv4Addr = Ipv4Addr::new(10, 207, 202, 2);

/// The steps that make the namespaces `R` (router) and `N` (nodes), with the ends `A` and `B` of the
/// way to clients and `C` and `D` of that to nodes.
const STEPS: &[&str] = &[
    "netns add R",
    "netns add N",
    "link add A type veth peer name B netns R",
    "-n R link add C type veth peer name D netns N",
    "addr add 10.207.201.1/24 dev A",
    "link set A up",
    "-n R addr add 10.207.201.2/24 dev B",
    "-n R link set B up",
    "-n R link set lo up",
    "-n R addr add 10.207.202.1/24 dev C",
    "-n R link set C up",
    "-n N addr add 10.207.202.2/24 dev D",
    "-n N link set D up",
    "-n N link set lo up",
    "-n N route add default via 10.207.202.1",
    "route add 10.207.202.0/24 via 10.207.201.2",
    "netns exec R sysctl -q -w net.ipv4.ip_forward=1",
];

/// A router with its namespaces, which are gone when it is dropped.
#[derive(Debug)]
pub(crate) struct Router {
    router: String,
    nodes: String,
}

impl Router {
    /// Makes the namespaces.
    ///
    /// # Errors
    /// A word why this machine has none: no root, no `ip`, a kernel without them.
    pub(crate) fn new() -> Result<Self, Failure> {
        if !rustix::process::geteuid().is_root() {
            return Err("only root can make network namespaces".into());
        }
        let process = std::process::id();
        let made = Self {
            router: format!("casty-r-{process}"),
            nodes: format!("casty-n-{process}"),
        };
        for step in STEPS {
            let words = step.split(' ').map(|word| match word {
                "R" => made.router.clone(),
                "N" => made.nodes.clone(),
                "A" | "B" | "C" | "D" => format!("cy{word}{process}"),
                word => word.to_owned(),
            });
            ip(words)?;
        }
        Ok(made)
    }

    /// Returns the command, with its first arguments, that runs a program among the nodes.
    pub(crate) fn inside(&self) -> Vec<String> {
        ["ip", "netns", "exec", &self.nodes]
            .map(str::to_owned)
            .into()
    }

    /// Forgets the connections of this host to nodes: from now on, whatever comes on them in either
    /// direction is dropped without a word. Returns their number.
    ///
    /// # Errors
    /// The connections cannot be listed, or the router not told.
    pub(crate) fn forget(&self) -> Result<usize, Failure> {
        let ports = ports_to(NODES, &fs::read_to_string("/proc/self/net/tcp")?);
        for port in &ports {
            for direction in ["sport", "dport"] {
                let rule = format!(
                    "-n {} rule add ipproto tcp {direction} {port} blackhole",
                    self.router
                );
                ip(rule.split(' ').map(str::to_owned))?;
            }
        }
        Ok(ports.len())
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        // The ways go with the namespaces.
        for name in [&self.router, &self.nodes] {
            let words = ["netns", "del", name].map(str::to_owned);
            if let Err(failure) = ip(words.into_iter()) {
                eprintln!("{name} is left behind: {failure}");
            }
        }
    }
}

/// Runs `ip` with these arguments.
fn ip(words: impl Iterator<Item = String>) -> Result<(), Failure> {
    let words: Vec<_> = words.collect();
    let ran = Command::new("ip")
        .args(&words)
        .stdin(Stdio::null())
        .output();
    let ran = ran.map_err(|error| format!("the command ip: {error}"))?;
    if ran.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&ran.stderr);
    Err(format!("ip {}: {}", words.join(" "), said.trim()).into())
}

/// Returns our ports of the connections to a host, of the kernel's table of them.
fn ports_to(host: Ipv4Addr, table: &str) -> Vec<u16> {
    const CONNECTED: &str = "01";
    // The kernel prints the four bytes as a number of this machine's order.
    let host = format!("{:08X}:", u32::from_ne_bytes(host.octets()));
    let connection = |line: &str| {
        let mut columns = line.split_whitespace().skip(1);
        let (ours, theirs, state) = (columns.next()?, columns.next()?, columns.next()?);
        let (_, port) = ours.split_once(':')?;
        (theirs.starts_with(&host) && state == CONNECTED)
            .then(|| u16::from_str_radix(port, 16).ok())?
    };
    table.lines().filter_map(connection).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn the_ports_of_connections_to_a_host_are_found() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000
   1: 01C9CF0A:9C40 02CACF0A:63B1 01 00000000:00000000 02:000001F4 00000000
   2: 01C9CF0A:9C41 02CACF0A:63B1 06 00000000:00000000 03:000001F4 00000000
   3: 01C9CF0A:9C42 02CACF0A:63B2 01 00000000:00000000 02:000001F4 00000000
   4: 0100007F:9C43 0100007F:63B2 01 00000000:00000000 02:000001F4 00000000
";
        assert_eq!(ports_to(NODES, table), [0x9c40, 0x9c42]);
    }
}
