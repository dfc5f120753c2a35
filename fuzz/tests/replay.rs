//! The inputs that the fuzzers have kept, checked again without them.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::path::{Path, PathBuf};
use std::{fs, panic};

use casty_fuzz::{TARGETS, seeds};

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target)
}

#[test]
fn every_corpus_and_every_seed_is_still_fine() {
    for target in TARGETS {
        let files = fs::read_dir(corpus(target.name)).unwrap();
        let files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        assert!(files.len() >= 5, "{} has no corpus", target.name);
        let kept = files
            .into_iter()
            .map(|path| (path.display().to_string(), fs::read(path).unwrap()));
        let seeds = seeds::of(target.name).unwrap();
        assert!(seeds.len() >= 2, "{} has no seeds", target.name);
        let seeds = seeds.into_iter().map(|seed| ("a seed".to_owned(), seed));
        for (name, input) in kept.chain(seeds) {
            let checked = panic::catch_unwind(|| (target.check)(&input));
            assert!(checked.is_ok(), "{}: {name}, see above", target.name);
        }
    }
}

#[test]
fn every_folder_of_the_corpus_is_that_of_a_target() {
    let mut folders: Vec<_> = fs::read_dir(corpus(""))
        .unwrap()
        .map(|f| f.unwrap().file_name())
        .collect();
    folders.sort();
    let mut names: Vec<_> = TARGETS
        .iter()
        .map(|target| target.name.into())
        .collect::<Vec<std::ffi::OsString>>();
    names.sort();
    assert_eq!(folders, names);
}

#[test]
fn a_target_that_takes_too_much_memory_panics() {
    let greedy = || casty_fuzz::memory::within(1000, "this", || vec![0u8; 1001]);
    assert!(panic::catch_unwind(greedy).is_err());
    casty_fuzz::memory::within(1000, "this", || vec![0u8; 1000]);
}
