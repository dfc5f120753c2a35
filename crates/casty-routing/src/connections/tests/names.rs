//! Names that lead to nodes which call themselves otherwise.

use super::*;

#[test]
fn a_contact_by_another_name_is_the_member_it_leads_to() {
    let (name, [a, b]) = (alias("casty.example"), nodes([1, 2]));
    let mut bench = bench(&[&name]);
    assert_eq!(bench.tick(), [dial(&name)]);
    assert_eq!(bench.connect_as(&name, &a), []);
    assert!(bench.engine.is_connected(&a));
    assert_eq!(bench.engine.leads_to(&name), Some(&a));
    assert_eq!(bench.view(&[&a, &b], &[]), [dial(&b)]);
    bench.connect(&b);
    assert_eq!(bench.engine.leads_to(&b), None, "it calls itself so");
}

#[test]
fn two_names_that_lead_to_one_node_leave_the_older_connection() {
    let (first, second, [a]) = (alias("one"), alias("two"), nodes([1]));
    let mut bench = bench(&[&first, &second]);
    bench.tick();
    bench.run_to(100);
    assert_eq!(bench.connect_as(&second, &a), []);
    assert_eq!(
        bench.connect_as(&first, &a),
        [ConnectionsOutput::Duplicate(first.clone())]
    );
    assert!(bench.engine.is_connected(&a));
    assert_eq!(bench.run_to(59_999), [], "the names are left alone");
    assert_eq!(
        bench.run_to(70_000),
        [(60_000, dial(&first)), (60_100, dial(&second))],
        "but not for ever, as no view came that way"
    );
}

#[test]
fn a_member_is_not_dialled_beside_a_name_known_to_lead_to_it() {
    let (name, [a]) = (alias("one"), nodes([1]));
    let mut bench = regular(&[&name]);
    bench.tick();
    bench.connect_as(&name, &a);
    bench.now = 5_000;
    // No view yet, so the name is dialled again; then the view comes another way.
    assert_eq!(bench.lose(&a), [dial(&name)]);
    assert_eq!(bench.view(&[&a], &[]), [dial(&a)]);
    bench.connect_as(&name, &a);
    assert_eq!(bench.connect(&a), [ConnectionsOutput::Duplicate(a.clone())]);
}

#[test]
fn a_members_address_that_another_node_has_taken_is_suspect() {
    let [a, b, other] = nodes([1, 2, 3]);
    let mut bench = regular(&[]);
    bench.view(&[&a, &b], &[]);
    bench.connect(&b);
    bench.source(&b);
    assert_eq!(bench.connect_as(&a, &other), [suspect(&a), close(&other)]);
    assert_eq!(bench.run_to(50), [(50, dial(&a))]);
}

#[test]
fn an_address_is_believed_as_far_as_the_way_or_a_certificate_covers_it() {
    let (name, [a, b, c, stranger]) = (alias("casty.example"), nodes([1, 2, 3, 4]));
    // A name, and two addresses of which one is a member's.
    let mut bench = bench(&[&name, &c, &stranger]);
    bench.tick();
    bench.view(&[&a, &b, &c], &[]);
    bench.give(ConnectionsInput::Want(alias("wanted")));
    for (dialled, canonical, unproven) in [
        (&a, &a, true),
        // A member is dialled as itself, known or not.
        (&a, &b, false),
        (&a, &stranger, false),
        (&alias("wanted"), &a, false),
        (&alias("unknown"), &a, false),
        // Behind a name, and behind an address that is no member's, any node may be.
        (&name, &a, true),
        (&name, &stranger, true),
        (&stranger, &a, true),
        // A member that is a contact too may have another name by now, but not another member's.
        (&c, &alias("renamed"), true),
        (&c, &a, false),
    ] {
        let admits = |covered| bench.engine.admits(dialled, canonical, covered);
        assert_eq!(admits(None), unproven, "{dialled} as {canonical}");
        assert!(admits(Some(true)), "{dialled} as {canonical}");
        assert_eq!(
            admits(Some(false)),
            dialled == canonical,
            "{dialled} as {canonical}"
        );
    }
}
