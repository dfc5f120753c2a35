use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use casty_proto::message::{ClusterState, Member, MemberStatus, ServiceEntry, ShardAllocation};
use casty_proto::{FrozenSet, NodeAddress, Tuple};

use super::*;
use crate::shard::ShardCount;

fn at(port: u16) -> NodeAddress {
    NodeAddress::new("n", port)
}

fn member(port: u16, status: MemberStatus) -> Member {
    Member {
        address: at(port),
        status,
        roles: FrozenSet::default(),
        id: format!("id-{port}").into(),
    }
}

/// Three members that are up, shard 0 of region `r` at the second, service `s` at the third.
fn healthy() -> ClusterState {
    let mut state = ClusterState {
        members: [1, 2, 3]
            .map(|port| member(port, MemberStatus::Up))
            .into_iter()
            .collect(),
        allocation_epoch: 7,
        ..ClusterState::default()
    };
    own(&mut state, &[(0, 2)]);
    state.registry.push(ServiceEntry {
        key: "s".into(),
        node: at(3),
        path: "/s".into(),
    });
    state
}

fn own(state: &mut ClusterState, shards: &[(u32, u16)]) {
    let owned = state.shard_allocations.entry("r".into()).or_default();
    for (shard, port) in shards {
        let allocation = ShardAllocation {
            primary: at(*port),
            replicas: Tuple::default(),
        };
        owned.insert(*shard, allocation);
    }
}

fn set(state: &mut ClusterState, port: u16, status: MemberStatus) {
    let members = state.members.iter_mut();
    members
        .filter(|member| member.address == at(port))
        .for_each(|member| member.status = status);
}

/// Makes a survey in which all three nodes answered with the healthy state, changed by `change` for
/// each.
fn survey(change: impl Fn(u16, &mut ClusterState)) -> Survey {
    let mut survey = Survey::default();
    for port in [1, 2, 3] {
        let mut state = healthy();
        change(port, &mut state);
        survey.add(at(port), Observed::Answered(Arc::new(state)));
    }
    survey
}

fn refuses(survey: &mut Survey, port: u16) {
    survey.add(at(port), Observed::Unreached("refused".into()));
}

/// Returns the findings as they are told: `severity code: problem`.
fn told(survey: &Survey) -> Vec<String> {
    let diagnosis = Diagnosis::of(survey);
    let findings = diagnosis.findings().iter();
    findings
        .map(|Finding { severity, problem }| format!("{severity} {}: {problem}", problem.code()))
        .collect()
}

#[test]
fn nodes_that_agree_and_answer_are_healthy() {
    let diagnosis = Diagnosis::of(&survey(|_, _| {}));
    assert_eq!(diagnosis.findings(), []);
    assert!(diagnosis.is_healthy() && !diagnosis.may_pass());
}

#[test]
fn a_cluster_in_which_nobody_answers_is_told_as_just_that() {
    let mut survey = Survey::default();
    refuses(&mut survey, 1);
    survey.add(at(2), Observed::Silent);
    assert_eq!(told(&survey), ["critical nobody-answers: no node answers"]);
}

#[test]
fn a_node_that_came_back_from_the_dead_is_told_with_what_hangs_on_it() {
    let mut survey = survey(|_, _| {});
    refuses(&mut survey, 2);
    let expected = [
        "critical refuses-connections: n:2 is up to n:1, n:3 and cannot be connected: refused",
        "critical shards-of-lost-node: n:2 owns 1 shard of \"r\" (0) and cannot be connected",
    ];
    assert_eq!(told(&survey), expected);
    let diagnosis = Diagnosis::of(&survey);
    assert!(!diagnosis.is_healthy());
    for finding in diagnosis.findings() {
        assert!(finding.problem.remedy().starts_with("casty down n:2"));
    }
}

#[test]
fn a_node_whose_state_cannot_be_taken_is_told_and_not_suspected() {
    let mut survey = survey(|_, _| {});
    survey.add(at(2), Observed::Unread("too long".into()));
    let expected = ["note state-unread: n:2 answers, and its state cannot be taken: too long"];
    assert_eq!(told(&survey), expected);
    assert_eq!(survey.fault(&at(2)), None);
    assert!(Diagnosis::of(&survey).is_healthy());
}

#[test]
fn a_leader_and_a_service_hang_on_their_node_as_shards_do() {
    let mut leaderless = survey(|_, _| {});
    refuses(&mut leaderless, 1);
    assert_eq!(
        told(&leaderless)[1],
        "critical lost-leader: n:1 leads the cluster and cannot be connected"
    );
    let mut silent = survey(|_, _| {});
    silent.add(at(3), Observed::Silent);
    let expected = [
        "critical does-not-answer: n:3 is up to n:1, n:2 and does not answer",
        "warning stale-service: n:3 is listed for 1 instance of service \"s\" and does not answer",
    ];
    assert_eq!(told(&silent), expected);
}

#[test]
fn a_dead_node_that_the_views_let_go_is_no_finding() {
    let mut down = survey(|_, state| {
        set(state, 3, MemberStatus::Down);
        state.registry.clear();
    });
    refuses(&mut down, 3);
    assert_eq!(told(&down), [""; 0]);
    let mut unreachable = survey(|_, state| {
        state.unreachable.push(at(3));
        state.registry.clear();
    });
    refuses(&mut unreachable, 3);
    assert_eq!(told(&unreachable), [""; 0]);
}

#[test]
fn what_hangs_on_a_node_that_others_gave_up_is_told_although_it_answers() {
    type Change = fn(&mut ClusterState);
    let cases: [(Change, &str, &str); 3] = [
        (
            |state| set(state, 2, MemberStatus::Down),
            "warning",
            "is down",
        ),
        (
            |state| state.unreachable.push(at(2)),
            "critical",
            "is unreachable",
        ),
        (
            |state| state.members.retain(|it| it.address != at(2)),
            "critical",
            "is no member",
        ),
    ];
    for (change, severity, fault) in cases {
        let told = told(&survey(|_, state| change(state)));
        let expected =
            format!("{severity} shards-of-lost-node: n:2 owns 1 shard of \"r\" (0) and {fault}");
        assert_eq!(told, [expected]);
    }
}

#[test]
fn views_that_differ_are_told_in_what_they_do() {
    type Change = fn(&mut ClusterState);
    let cases: [(Change, &[&str]); 5] = [
        (
            |state| state.unreachable.push(at(3)),
            &["warning status-differs: n:3 is up to n:1, n:2; unreachable to n:3"],
        ),
        (
            |state| set(state, 1, MemberStatus::Down),
            &[
                "critical leader-differs: the leader is n:1 to n:1, n:2; n:2 to n:3",
                "warning status-differs: n:1 is up to n:1, n:2; down to n:3",
            ],
        ),
        (
            |state| own(state, &[(0, 1)]),
            &["critical owners-differ: nodes name different owners of 1 shard of \"r\" (0)"],
        ),
        (
            |state| state.allocation_epoch = 8,
            &["warning allocations-differ: allocations differ, of epoch 7 at n:1, n:2; 8 at n:3"],
        ),
        (
            |state| state.shard_allocations.clear(),
            &[
                "warning allocations-differ: allocations of epoch 7 differ: n:3 lacks some that others \
                 have",
            ],
        ),
    ];
    for (change, expected) in cases {
        let survey = survey(|viewer, state| {
            if viewer == 3 {
                change(state);
            }
        });
        assert_eq!(told(&survey), expected);
        assert!(Diagnosis::of(&survey).may_pass());
    }
}

#[test]
fn nodes_of_one_epoch_are_not_all_told_to_stay_behind() {
    let told = |change: &dyn Fn(u16, &mut ClusterState)| {
        let diagnosis = Diagnosis::of(&survey(change));
        let mut problems = diagnosis.findings().iter().map(|it| &it.problem);
        let differ = problems.find(|it| it.code() == "allocations-differ");
        let differ = differ.expect("allocations differ");
        (differ.to_string(), differ.remedy())
    };
    let next =
        "the next allocation of a shard gives all nodes the leader's; if there is none, restart";
    let one = told(&|viewer, state| {
        if viewer != 3 {
            own(state, &[(1, 1)]);
        }
    });
    assert_eq!(
        one.0,
        "allocations of epoch 7 differ: n:3 lacks some that others have"
    );
    assert_eq!(one.1, format!("{next} n:3"));
    // Each knows one that the others do not.
    let each = told(&|viewer, state| own(state, &[(u32::from(viewer), 1)]));
    assert_eq!(
        each.0,
        "allocations of epoch 7 differ: n:1, n:2, n:3 lack some that others have"
    );
    assert_eq!(each.1, format!("{next} all but the leader"));
    let older = told(&|viewer, state| state.allocation_epoch = u64::from(viewer).min(2));
    assert_eq!(
        older.0,
        "allocations differ, of epoch 1 at n:1; 2 at n:2, n:3"
    );
    assert_eq!(
        older.1,
        "see what parts the nodes; restart what stays behind: n:1"
    );
}

#[test]
fn what_nodes_say_of_themselves_is_told_without_control_characters() {
    let hostile = "\u{1b}[2J\n\r\u{202e}\u{9b}";
    let mut survey = survey(|viewer, state| {
        let node = NodeAddress::new(hostile, viewer);
        let mut twice = member(3, MemberStatus::Up);
        twice.id = hostile.into();
        state.members.push(twice.clone());
        twice.address = node.clone();
        state.members.push(twice);
        let key = hostile.into();
        let path = hostile.into();
        state.registry.push(ServiceEntry { key, node, path });
        let owned = state.shard_allocations["r"].clone();
        state.shard_allocations.insert(hostile.into(), owned);
        state
            .shard_allocations
            .insert(format!("{hostile}{viewer}").into(), BTreeMap::new());
    });
    survey.add(at(2), Observed::Unreached(hostile.into()));
    survey.add(at(3), Observed::Unread(hostile.into()));
    for count in [None, ShardCount::new(1)] {
        if let Some(count) = count {
            survey.set_shard_count("r", count);
            survey.set_shard_count(hostile, count);
        }
        let diagnosis = Diagnosis::of(&survey);
        let mut codes = BTreeSet::new();
        for Finding { problem, .. } in diagnosis.findings() {
            let told = format!("{problem} {}", problem.remedy());
            assert!(
                !told.contains(char::is_control) && !told.contains('\u{202e}'),
                "{told:?}"
            );
            codes.insert(problem.code());
        }
        assert!(codes.len() > 4, "{codes:?}");
    }
}

#[test]
fn a_node_that_never_heard_of_a_dead_one_does_not_disagree() {
    let survey = survey(|viewer, state| {
        if viewer != 3 {
            state.members.push(member(9, MemberStatus::Down));
        }
    });
    assert_eq!(told(&survey), [""; 0]);
}

#[test]
fn shards_without_an_owner_are_a_note_where_a_leader_can_give_them_one() {
    let mut sparse = survey(|_, state| own(state, &[(3, 2)]));
    let note = "note shards-without-owner: nobody owns 2 shards of \"r\" (1, 2)";
    assert_eq!(told(&sparse), [note]);
    assert!(Diagnosis::of(&sparse).is_healthy());
    refuses(&mut sparse, 1);
    let critical = note.replace("note", "critical");
    assert!(told(&sparse).contains(&critical), "{:?}", told(&sparse));
    assert!(!Diagnosis::of(&sparse).is_healthy());
}

#[test]
fn a_shard_number_however_high_costs_little() {
    let survey = survey(|_, state| own(state, &[(u32::MAX, 2)]));
    let diagnosis = Diagnosis::of(&survey);
    let Problem::ShardsWithoutOwner { shards, .. } = &diagnosis.findings()[0].problem else {
        panic!("{diagnosis:?}");
    };
    assert_eq!(shards.len(), 10_000);
    assert!(told(&survey)[0].len() < 120);
}

#[test]
fn twelve_shards_are_named_one_by_one_and_more_are_counted() {
    let named = |count: u32| {
        let region = "r".into();
        let shards = (1..=count).collect();
        Dependent::Shards { region, shards }.to_string()
    };
    let twelve = "owns 12 shards of \"r\" (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)";
    assert_eq!(named(12), twelve);
    for count in [13, 14] {
        let end = format!(" 11, 12 and {} more)", count - 12);
        assert!(named(count).ends_with(&end), "{}", named(count));
    }
}

#[test]
fn shards_of_a_node_called_dead_have_other_owners_for_those_who_ask_the_leader() {
    let meaning = |fault| {
        let (region, shards) = ("r".into(), vec![0]);
        let what = Dependent::Shards { region, shards };
        let node = at(1);
        Problem::HangsOnLostNode { node, fault, what }.meaning()
    };
    assert!(meaning(NodeFault::Down).contains("ask the leader are told another"));
    let others = [
        NodeFault::Refuses,
        NodeFault::Silent,
        NodeFault::Unreachable,
    ];
    for fault in others {
        assert!(meaning(fault).contains("is not handled"), "{fault}");
    }
}

#[test]
fn a_cluster_whose_members_are_all_joining_has_no_leader() {
    let survey = survey(|_, state| {
        for port in [1, 2, 3] {
            set(state, port, MemberStatus::Joining);
        }
    });
    let told = told(&survey);
    assert_eq!(
        told[0],
        "critical no-leader: there is no leader: no member is up"
    );
    assert_eq!(told[1], "warning stuck: n:1 is joining, and stays so");
    assert_eq!(told.len(), 4);
}

#[test]
fn members_that_leave_and_do_not_end_are_told() {
    let survey = survey(|_, state| set(state, 1, MemberStatus::Leaving));
    assert_eq!(
        told(&survey),
        ["warning stuck: n:1 is leaving, and stays so"]
    );
}

#[test]
fn identities_that_are_taken_twice_are_told_unless_one_is_dead() {
    let twin = |port, id: &str, status| Member {
        id: id.into(),
        ..member(port, status)
    };
    let address = survey(|_, state| state.members.push(twin(3, "other", MemberStatus::Up)));
    let expected = "critical address-twice: n:3 is listed under the ids id-3, other";
    assert_eq!(told(&address), [expected]);
    let id = survey(|_, state| state.members.push(twin(4, "id-3", MemberStatus::Up)));
    assert_eq!(
        told(&id),
        ["warning id-twice: the id \"id-3\" is that of n:3, n:4"]
    );
    let former = survey(|_, state| {
        state.members.push(twin(3, "former", MemberStatus::Down));
        state.members.push(twin(4, "id-3", MemberStatus::Removed));
    });
    assert_eq!(told(&former), [""; 0]);
}

#[test]
fn what_may_pass_is_told_only_if_it_was_there_before() {
    let healthy = || Diagnosis::of(&survey(|_, _| {}));
    let behind = |viewer: u16, epoch: u64| {
        let survey = survey(|it, state| {
            if it == viewer {
                state.allocation_epoch = epoch;
            }
        });
        Diagnosis::of(&survey)
    };
    assert_eq!(healthy().lasting(behind(1, 8)).findings(), []);
    // The same problem, although others have it now.
    assert_eq!(behind(2, 9).lasting(behind(1, 8)), behind(1, 8));
    let mut dead = survey(|_, _| {});
    refuses(&mut dead, 2);
    let dead = Diagnosis::of(&dead);
    assert_eq!(
        healthy().lasting(dead.clone()),
        dead,
        "a fact need not be told twice"
    );
    assert_eq!(dead.lasting(healthy()), healthy());
}

#[test]
fn a_problem_of_one_node_does_not_make_that_of_another_last() {
    let joining = |port| {
        let survey = survey(|_, state| set(state, port, MemberStatus::Joining));
        Diagnosis::of(&survey)
    };
    let stuck = |diagnosis: &Diagnosis| {
        let mut problems = diagnosis.findings().iter().map(|it| &it.problem);
        problems.any(|problem| matches!(problem, Problem::Stuck { .. }))
    };
    assert!(stuck(&joining(1).lasting(joining(1))));
    assert!(!stuck(&joining(1).lasting(joining(2))));
    let moved = |region: &str| {
        let survey = survey(|viewer, state| {
            own(state, &[(1, 2)]);
            let mut shards = state.shard_allocations["r"].clone();
            for allocation in shards.values_mut() {
                allocation.primary = at(if viewer == 1 { 1 } else { 2 });
            }
            state.shard_allocations.insert(region.into(), shards);
        });
        Diagnosis::of(&survey)
    };
    assert_eq!(moved("s").lasting(moved("s")), moved("s"));
    assert_eq!(moved("s").lasting(moved("t")).findings(), []);
}

#[test]
fn programs_are_told_which_node_and_which_name_a_problem_concerns() {
    let concerns = |survey: &Survey| {
        let diagnosis = Diagnosis::of(survey);
        let problems = diagnosis.findings().iter().map(|it| &it.problem);
        let concern = |it: &Problem| {
            (
                it.node().map(NodeAddress::port),
                it.name().map(str::to_owned),
            )
        };
        problems.map(concern).collect::<Vec<_>>()
    };
    let mut lost = survey(|_, _| {});
    refuses(&mut lost, 2);
    assert_eq!(
        concerns(&lost),
        [(Some(2), None), (Some(2), Some("r".to_owned()))]
    );
    let twin = survey(|_, state| {
        state.members.push(Member {
            id: "id-3".into(),
            ..member(4, MemberStatus::Up)
        });
    });
    assert_eq!(concerns(&twin), [(None, Some("id-3".to_owned()))]);
    let leaving = survey(|_, state| set(state, 1, MemberStatus::Leaving));
    assert_eq!(concerns(&leaving), [(Some(1), None)]);
}

#[test]
fn what_a_lone_node_says_of_itself_counts() {
    let mut survey = Survey::default();
    let mut state = healthy();
    state.members.retain(|member| member.address == at(1));
    state.registry.clear();
    own(&mut state, &[(0, 1)]);
    survey.add(at(1), Observed::Answered(Arc::new(state.clone())));
    assert_eq!(told(&survey), [""; 0]);
    set(&mut state, 1, MemberStatus::Down);
    survey.add(at(1), Observed::Answered(Arc::new(state)));
    let expected = [
        "critical no-leader: there is no leader: no member is up",
        "warning shards-of-lost-node: n:1 owns 1 shard of \"r\" (0) and is down",
    ];
    assert_eq!(told(&survey), expected);
}

/// Returns a survey in which the first so many shards of region `r` are allocated, and others.
fn allocated(whole: u32, others: &[u32]) -> Survey {
    let shards: Vec<_> = (0..whole).chain(others.iter().copied()).collect();
    survey(|_, state| {
        let shards: Vec<_> = shards.iter().map(|shard| (*shard, 2)).collect();
        own(state, &shards);
    })
}

#[test]
fn shards_beyond_the_count_that_the_asker_uses_are_told_and_what_helps() {
    let mut survey = allocated(20, &[40, 90]);
    survey.set_shard_count("r", ShardCount::new(24).unwrap());
    assert_eq!(
        told(&survey),
        [
            "critical shard-counts-differ: 2 shards of \"r\" (40, 90) are allocated; by the \
             count used here it has 24",
            "note shards-without-owner: nobody owns 4 shards of \"r\" (20, 21, 22, 23)",
        ]
    );
    let diagnosis = Diagnosis::of(&survey);
    let problem = &diagnosis.findings()[0].problem;
    assert_eq!((problem.name(), problem.node()), (Some("r"), None));
    assert!(!problem.may_pass() && !diagnosis.is_healthy());
    assert!(problem.remedy().contains("until the leader is restarted"));
    survey.set_shard_count("r", ShardCount::new(91).unwrap());
    assert!(told(&survey)[0].starts_with("warning shard-counts-differ: \"r\" looks like a region"));
    let mut fits = allocated(20, &[]);
    fits.set_shard_count("r", ShardCount::new(24).unwrap());
    fits.set_shard_count("s", ShardCount::new(1).unwrap());
    assert_eq!(fits.shard_count("s"), ShardCount::new(1));
    assert!(Diagnosis::of(&fits).is_healthy());
}

#[test]
fn without_a_count_a_region_that_looks_whole_but_for_a_few_shards_beyond_is_told() {
    let survey = allocated(24, &[90]);
    assert_eq!(
        told(&survey),
        [
            "warning shard-counts-differ: \"r\" looks like a region of 24 shards, and 1 shard of \
          \"r\" (90) is allocated, too"
        ]
    );
    let diagnosis = Diagnosis::of(&survey);
    assert!(
        diagnosis.may_pass(),
        "shards may be asked for in their order"
    );
    assert_eq!(diagnosis.lasting(diagnosis.clone()), diagnosis);
    for unsuspicious in [
        allocated(24, &[]),
        allocated(1, &[9, 90]),
        allocated(0, &[]),
    ] {
        assert!(Diagnosis::of(&unsuspicious).is_healthy());
    }
    let mut known = allocated(24, &[]);
    known.set_shard_count("r", ShardCount::new(100).unwrap());
    let text = "warning shard-counts-differ: \"r\" looks like a region of 24 shards, not 100, of \
                which no other is allocated";
    assert_eq!(told(&known), [text]);
}
