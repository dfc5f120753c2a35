//! docs/guide/src/serializers.md

#[expect(
    dead_code,
    reason = "a build script, of a project that has Python's classes beside it"
)]
mod types {
    block!("serializers_1");
}

mod times {
    block!("serializers_2");

    #[test]
    fn times_are_read_compared_and_converted() {
        main().unwrap();
    }
}
