//! docs/guide/src/getting-started.md

block!("getting_started_1");

#[test]
fn the_first_program_runs_to_its_end() {
    main().unwrap();
}
