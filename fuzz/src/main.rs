//! The command that runs a target without a fuzzer, and writes the seeds that fuzzing starts from.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a developers' tool"
)]

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use casty_fuzz::{TARGETS, seeds, target};

const HELP: &str = "\
usage: casty-fuzz TARGET FILE...   checks the contents of the files
       casty-fuzz --seeds FOLDER   writes seeds into a folder for each target there";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    match args.as_slice() {
        [flag, folder] if flag == "--seeds" => write_seeds(Path::new(folder)),
        [name, files @ ..] if !files.is_empty() => {
            let target = target(name);
            for file in files {
                (target.check)(&fs::read(file).expect("a readable file"));
                println!("{file}: fine");
            }
        }
        _ => {
            eprintln!("{HELP}");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn write_seeds(folder: &Path) {
    for target in TARGETS {
        let folder = folder.join(target.name);
        fs::create_dir_all(&folder).expect("a folder");
        let seeds = seeds::of(target.name).expect("golden vectors");
        for (number, seed) in seeds.iter().enumerate() {
            fs::write(folder.join(format!("seed-{number:04}")), seed).expect("a file");
        }
    }
}
