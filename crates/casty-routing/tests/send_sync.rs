//! Every public type may be sent to another thread and shared between threads.

use casty_routing::diagnosis::{
    Dependent, Diagnosis, Difference, Finding, NodeFault, Observed, ObservedStatus, Problem,
    Severity, Survey,
};
use casty_routing::{
    Backoff, BackoffConfig, Buffered, Connections, ConnectionsConfig, ConnectionsInput,
    ConnectionsOutput, Coordinator, CoordinatorConfig, CoordinatorInput, CoordinatorOutput,
    CoordinatorRole, Liveness, LivenessConfig, LivenessInput, LivenessOutput, MissingRoute,
    NoShards, ObservedConnection, Offer, Overflow, PendingMessage, QueryRefusal, RegionId,
    RegionView, RegisterRegionError, Renewal, RenewalConfig, RenewalInput, RenewalOutput,
    RetryBudget, RetryBudgetConfig, RouteTable, Router, RouterConfig, RouterInput, RouterOutput,
    ShardCount, ShardId, SharedTable, Subscription, SubscriptionConfig, SubscriptionInput,
    SubscriptionOutput, TableGuard, Target, UndeliverableReason, View, ViewKeeper, ViewVersion,
};

/// Compiles only for types that are both.
fn check<T: Send + Sync>() {}

/// Compiles only for errors that can be boxed and sent on.
fn check_error<T: std::error::Error + Send + Sync + 'static>() {}

#[test]
fn engines_may_be_moved_between_threads() {
    check::<Backoff>();
    check::<Connections>();
    check::<Coordinator<u32>>();
    check::<Liveness>();
    check::<Renewal>();
    check::<RetryBudget>();
    check::<Router<u32, String>>();
    check::<Subscription>();
    check::<ViewKeeper>();
}

#[test]
fn configs_inputs_and_outputs_may_be_moved_between_threads() {
    check::<(BackoffConfig, RetryBudgetConfig, RouterConfig)>();
    check::<(ConnectionsConfig, ConnectionsInput, ConnectionsOutput)>();
    check::<(
        CoordinatorConfig,
        CoordinatorInput<u32>,
        CoordinatorOutput<u32>,
    )>();
    check::<(LivenessConfig, LivenessInput, LivenessOutput)>();
    check::<ObservedConnection>();
    check::<(RenewalConfig, RenewalInput, RenewalOutput)>();
    check::<(RouterInput<u32, String>, RouterOutput<u32, String>)>();
    check::<(SubscriptionConfig, SubscriptionInput, SubscriptionOutput)>();
    check::<(Buffered, CoordinatorRole, Overflow, RegionView)>();
    check::<(PendingMessage<String>, Target)>();
}

#[test]
fn views_tables_and_diagnoses_may_be_shared() {
    check::<(RegionId, ShardCount, ShardId, ViewVersion)>();
    check::<(RouteTable<u32>, SharedTable<u32>)>();
    check::<TableGuard<u32>>();
    check::<(Offer, View)>();
    check::<(Dependent, Diagnosis, Difference, Finding)>();
    check::<(NodeFault, Observed, ObservedStatus)>();
    check::<(Problem, Severity, Survey)>();
}

#[test]
fn errors_may_be_boxed_and_sent_on() {
    check_error::<MissingRoute>();
    check_error::<NoShards>();
    check_error::<QueryRefusal>();
    check_error::<RegisterRegionError>();
    check_error::<UndeliverableReason>();
}
