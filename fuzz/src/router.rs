//! The router, played against the model of its tests.

use std::sync::LazyLock;
use std::time::Instant;

use arbitrary::{Result, Unstructured};
use casty_routing::Overflow;

#[path = "../../crates/casty-routing/tests/router_model/world.rs"]
mod world;

use world::{NODES, Picture, REGIONS, SHARDS, Step, To, play};

/// The most steps of a run: the model takes quadratic time.
const STEPS: usize = 200;

/// The first moment of all runs; any will do.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Plays the steps that the bytes stand for; the model panics if the router does a wrong one.
pub(crate) fn router(data: &[u8]) {
    let mut data = Unstructured::new(data);
    let seed = data.arbitrary().unwrap_or_default();
    let overflow = match data.arbitrary() {
        Ok(true) => Overflow::DropOldest,
        _ => Overflow::Refuse,
    };
    let mut steps = Vec::new();
    while !data.is_empty() && steps.len() < STEPS {
        // Where the bytes end, zeros follow.
        if let Ok(step) = step(&mut data) {
            steps.push(step);
        }
    }
    play(&steps, *START, seed, overflow);
}

fn node(data: &mut Unstructured<'_>) -> Result<u16> {
    data.int_in_range(0..=NODES - 1)
}

fn to(data: &mut Unstructured<'_>) -> Result<To> {
    Ok(match data.int_in_range(0..=7)? {
        0 => To::Node(node(data)?),
        1 => To::Leader,
        _ => To::Shard(
            data.int_in_range(0..=REGIONS - 1)?,
            data.int_in_range(0..=SHARDS - 1)?,
        ),
    })
}

fn picture(data: &mut Unstructured<'_>) -> Result<Picture> {
    let mut few = |most: usize| -> Result<Vec<u16>> {
        let count = data.int_in_range(0..=most)?;
        (0..count).map(|_| node(data)).collect()
    };
    let (leader, unreachable, down) = (few(1)?.pop(), few(2)?, few(2)?);
    let owners = (0..data.int_in_range(0..=8)?).map(|_| {
        Ok((
            data.int_in_range(0..=REGIONS - 1)?,
            data.int_in_range(0..=SHARDS - 1)?,
            node(data)?,
        ))
    });
    Ok(Picture {
        leader,
        unreachable,
        down,
        owners: owners.collect::<Result<_>>()?,
    })
}

fn step(data: &mut Unstructured<'_>) -> Result<Step> {
    Ok(match data.int_in_range(0..=15)? {
        0..=3 => Step::Send {
            to: to(data)?,
            bytes: data.int_in_range(1..=30)?,
            ttl: data.int_in_range(0..=6_000)?,
        },
        4 | 5 => Step::View {
            epoch: data.int_in_range(-1..=2)?,
            picture: picture(data)?,
        },
        6 => Step::Answer {
            which: data.int_in_range(0..=7)?,
            owner: node(data)?,
        },
        7 => Step::Unasked {
            region: data.int_in_range(0..=REGIONS - 1)?,
            shard: data.int_in_range(0..=SHARDS)?,
            owner: node(data)?,
        },
        8 | 9 => Step::Up(node(data)?),
        10 => Step::Down {
            node: node(data)?,
            unsent: data.int_in_range(0..=5)?,
        },
        11 => Step::Fill(node(data)?),
        12 => Step::Empty(node(data)?),
        13 => Step::ConnectFailed(node(data)?),
        14 => Step::Pass(data.int_in_range(0..=1_500)?),
        _ => Step::Cancel(to(data)?),
    })
}
