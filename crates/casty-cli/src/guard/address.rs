//! The address that a guard announces, which sorts behind those of all nodes.

use casty_client::NodeAddress;

use crate::error::CommandError;

/// Returns the address of a guard: at the host that is given, or at the name of this machine.
///
/// # Errors
/// It is no address, or could lead one of the seeds.
pub(super) fn choose(
    given: Option<&str>,
    port: u16,
    seeds: &[NodeAddress],
) -> Result<NodeAddress, CommandError> {
    let host = match given {
        Some(host) => host.to_owned(),
        None => of_machine(&machine())?,
    };
    let is_named = |letter: char| letter.is_ascii_alphanumeric() || "-._".contains(letter);
    let address: Option<NodeAddress> = format!("{host}:{port}").parse().ok();
    let Some(address) = address.filter(|_| host.chars().all(is_named)) else {
        return Err(refused(format!("--advertise {host:?} is no host")));
    };
    if seeds.contains(&address) {
        let own = format!("the seed {address} is the guard itself: name nodes of the cluster");
        return Err(refused(own));
    }
    match seeds.iter().find(|seed| address < **seed) {
        None => Ok(address),
        Some(seed) => Err(refused(format!(
            "{address} sorts before {seed}, so the guard could lead it: --advertise a name behind those of \
             all nodes, by letters; digits come first"
        ))),
    }
}

/// Returns the name of a machine, if it sorts behind addresses.
fn of_machine(name: &str) -> Result<String, CommandError> {
    if name.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return Ok(name.to_owned());
    }
    Err(refused(format!(
        "the name of this machine, {name:?}, begins with no letter and sorts among addresses: \
         --advertise a name by which nodes reach it"
    )))
}

#[cfg(unix)]
fn machine() -> String {
    let system = rustix::system::uname();
    system.nodename().to_string_lossy().into_owned()
}

#[cfg(not(unix))]
fn machine() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_default()
}

fn refused(why: String) -> CommandError {
    CommandError::Usage(why.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(chosen: Result<NodeAddress, CommandError>) -> String {
        chosen.unwrap_err().message().unwrap_or_default()
    }

    #[test]
    fn a_guard_is_called_what_sorts_behind_all_seeds() {
        let seeds = ["10.0.1.10:25520", "10.0.1.9:1"].map(|seed| seed.parse().unwrap());
        let chosen = choose(Some("guard-1"), 25520, &seeds).unwrap();
        assert_eq!(chosen, NodeAddress::new("guard-1", 25520));
        // As texts: "10.0.1.9" is behind "10.0.1.10".
        assert!(choose(Some("10.0.1.9"), 2, &seeds).is_ok());
        for (host, port, expected) in [
            ("10.0.1.11", 25520, "sorts before 10.0.1.9:1"),
            ("10.0.1.9", 0, "sorts before 10.0.1.9:1"),
            ("10.0.1.9", 1, "is the guard itself"),
            ("", 1, "is no host"),
            ("a b", 1, "is no host"),
            ("::1", 1, "is no host"),
        ] {
            let why = why(choose(Some(host), port, &seeds));
            assert!(why.contains(expected), "{host}: {why}");
        }
    }

    #[test]
    fn the_name_of_a_machine_is_taken_if_it_begins_with_a_letter() {
        assert_eq!(of_machine("worker-7").unwrap(), "worker-7");
        for name in ["", "7-worker", "-a"] {
            let chosen = of_machine(name).map(|name| NodeAddress::new(name, 1));
            assert!(why(chosen).contains("--advertise"), "{name:?}");
        }
    }
}
