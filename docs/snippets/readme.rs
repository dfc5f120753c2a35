//! README.md

block!("readme_1");

mod run {
    use tokio::runtime::Runtime;

    use crate::nodes::{bank, stand_in};

    #[test]
    fn the_first_example_asks_an_account() {
        let runtime = Runtime::new().unwrap();
        let nodes = runtime.block_on(bank().start()).unwrap();
        stand_in(&nodes);
        super::main().unwrap();
    }
}
