//! The Rust blocks of the documents, compiled as doc tests: `cargo test -p casty-docs --doc`.

/// README.md at the top of the project.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;

/// Compiles a page of the guide.
macro_rules! page {
    ($name:ident, $file:literal) => {
        #[cfg(doctest)]
        #[doc = include_str!(concat!("guide/src/", $file))]
        pub struct $name;
    };
}

page!(GettingStarted, "getting-started.md");
page!(Connecting, "connecting.md");
page!(Sending, "sending.md");
page!(Asking, "asking.md");
page!(Many, "many.md");
page!(Fates, "fates.md");
page!(BackPressure, "back-pressure.md");
page!(Failover, "failover.md");
page!(Services, "services.md");
page!(Structures, "structures.md");
page!(Streams, "streams.md");
page!(WithoutAsync, "without-async.md");
page!(Transports, "transports.md");
page!(Serializers, "serializers.md");
page!(Testing, "testing.md");
page!(Production, "production.md");
page!(Operating, "operating.md");
page!(Shell, "shell.md");
page!(Members, "members.md");
page!(Migrating, "migrating.md");
page!(Tuning, "tuning.md");
page!(LimitsAndDefaults, "limits.md");
