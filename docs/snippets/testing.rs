//! docs/guide/src/testing.md

#[expect(unused_variables, reason = "the page leaves the service to its reader")]
#[expect(
    dead_code,
    reason = "`main` runs 500 worlds, which takes most of a minute"
)]
mod simulation {
    block!("testing_1");

    #[test]
    fn the_scenario_passes_under_all_faults() {
        sim::seeds(0..50, scenario);
    }
}
