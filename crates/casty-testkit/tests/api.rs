//! The promises of the public types: traits that callers rely on, and that nothing takes away
//! unnoticed.

use std::fmt::Debug;
use std::hash::Hash;

use casty_testkit::{
    Cluster, ClusterBuilder, Context, NodeStatus, StartError, Stateful, Status, stateful,
};

fn is_send<T: Send>(_: &T) {}
fn all_tasks_may_share<T: Send + Sync + Debug + 'static>() {}
fn is_a_value<T: Clone + PartialEq + Eq + Hash + Debug + Send + Sync + 'static>() {}
fn is_an_error<T: std::error::Error + Send + Sync + 'static>() {}
fn shows_itself<T: Debug>() {}

#[test]
fn handles_go_to_any_task_and_values_compare() {
    all_tasks_may_share::<Cluster>();
    is_a_value::<Status>();
    is_a_value::<NodeStatus>();
    is_an_error::<StartError>();
    shows_itself::<ClusterBuilder>();
    shows_itself::<Context<'_>>();
    shows_itself::<Stateful<i64, (), ()>>();
}

#[test]
fn configurations_and_starts_go_to_another_task() {
    let silent = |_: &mut i64, _: casty_proto::Value, _: &mut Context<'_>| {};
    let builder = Cluster::builder("app").region("r", 1, stateful(|| 0, silent));
    is_send(&builder);
    is_send(&builder.start());
}

#[cfg(feature = "sim")]
#[test]
fn reports_of_worlds_are_values_and_worlds_go_to_any_task() {
    use casty_testkit::sim::{
        Check, Fault, RegressionSeed, Report, Trace, UnknownFault, Violation, World,
    };

    all_tasks_may_share::<World>();
    all_tasks_may_share::<Report>();
    is_a_value::<Check>();
    is_a_value::<Fault>();
    is_a_value::<RegressionSeed>();
    is_a_value::<Trace>();
    is_a_value::<Violation>();
    is_an_error::<UnknownFault>();
}
