use super::*;
use crate::pending_asks::id::AskId;

mod many_clients;

/// Returns the address of some ask.
fn address(id: u64) -> ReplyAddress {
    ReplyAddress {
        id: AskId::from_bits(id),
        secret: 0x1f2e_3d4c_5b6a_7988 ^ id,
    }
}

fn named(fixed: Option<NodeAddress>) -> Identity {
    Identity::new("s", fixed, &Arc::default())
}

#[test]
fn identities_are_unique_and_given_back() {
    let many: Vec<_> = (0..200).map(|_| named(None)).collect();
    let distinct: HashSet<_> = many.iter().map(|one| one.address().clone()).collect();
    assert_eq!(distinct.len(), 200);
    let lengths = distinct.iter().map(|one| one.to_string().len());
    assert!(lengths.into_iter().all(|length| length == 21));
    drop(many);
    assert!(TAKEN.lock().is_disjoint(&distinct));
}

#[test]
fn replies_are_recognised_by_their_header_alone() {
    for host in ["127.1.2.3", "a \"quoted\" h\u{f6}st"] {
        let identity = named(Some(NodeAddress::new(host, 0)));
        let told = address(0x7_0000_00a1);
        let target = identity.ask_ref(told);
        let mut header = Vec::new();
        let sender = "casty://s@n:1/".into();
        Header {
            target: target.uri().into(),
            sender,
            type_hint: "builtins.int".into(),
        }
        .write(&mut header);
        assert_eq!(identity.address_in_header(&header[4..]), Some(told));
        let path = target.parts().unwrap().path;
        assert_eq!(Identity::address_in_path(path.as_bytes()), Some(told));
        let other = named(Some(NodeAddress::new("127.9.9.9", 0)));
        assert_eq!(other.address_in_header(&header[4..]), None);
        assert_eq!(
            identity.address_in_header(b"{\"target\": \"casty://s-cl"),
            None
        );
    }
}

#[test]
fn the_kernel_refuses_to_connect_to_a_generated_address_at_once() {
    let identity = named(None);
    let address = identity.address().to_string().parse().unwrap();
    let timeout = std::time::Duration::from_secs(20);
    let refused = std::net::TcpStream::connect_timeout(&address, timeout);
    let kind = refused.unwrap_err().kind();
    assert_ne!(kind, std::io::ErrorKind::TimedOut);
}

#[test]
fn a_renewed_identity_is_another_address_of_the_same_client() {
    let identity = named(None);
    let renewed = identity.renewed().unwrap();
    assert_ne!(identity.address(), renewed.address());
    let told = address(0x7_0000_00a1);
    let [before, since] = [&identity, &renewed].map(|it| it.ask_ref(told));
    let path = |reference: &ActorRef<()>| reference.parts().unwrap().path.to_owned();
    assert_eq!(path(&before), path(&since));
    let fixed = named(Some(NodeAddress::new("gateway", 7)));
    assert!(fixed.renewed().is_none() && !fixed.is_generated());
}

#[test]
fn references_to_one_ask_are_readdressed_and_nothing_else_is() {
    let identity = named(None);
    let renewed = identity.renewed().unwrap();
    let [told, other] = [0x7_0000_00a1, 0x7_0000_00a2].map(address);
    let text = |to: &Identity| {
        let (reply, kept) = (to.ask_ref(told), identity.ask_ref(other));
        format!("a {} b {} c {} d", reply.uri(), kept.uri(), reply.uri())
    };
    let mut message = text(&identity).into_bytes();
    renewed.readdress(&mut message, told);
    assert_eq!(message, text(&renewed).into_bytes());
    identity.readdress(&mut message, told);
    assert_eq!(message, text(&identity).into_bytes());
}

#[test]
fn an_announced_address_is_kept_to_the_letter() {
    let identity = named(Some(NodeAddress::new("gateway", 7)));
    assert_eq!(identity.uri("/a"), "casty://s-client@gateway:7/a");
    assert_eq!(identity.sender(), "casty://s-client@gateway:7/");
}

#[test]
fn a_path_that_is_not_spelled_as_that_of_an_ask_is_none() {
    let told = address(0x7_0000_00a1);
    let reference = named(None).ask_ref(told);
    let path = reference.parts().unwrap().path.as_bytes();
    assert_eq!(Identity::address_in_path(path), Some(told));
    assert_eq!(Identity::address_in_path(&path[..path.len() - 1]), None);
    for place in 0..path.len() {
        let mut changed = path.to_vec();
        changed[place] = b'q';
        assert_eq!(Identity::address_in_path(&changed), None, "{place}");
    }
}

#[test]
fn what_looks_like_an_address_before_the_path_of_an_ask_and_is_none_is_left() {
    let renewed = named(None).renewed().unwrap();
    let asked = address(0x7_0000_00a1);
    let reference = renewed.ask_ref(asked);
    let path = reference.parts().unwrap().path.to_owned();
    for before in [
        "239.1",
        "gateway-of-the-house:7",
        "no address is here at all",
    ] {
        let told = format!("{before}{path}");
        let mut message = told.clone().into_bytes();
        renewed.readdress(&mut message, asked);
        assert_eq!(String::from_utf8(message).unwrap(), told);
    }
}

#[test]
fn an_address_that_another_client_announces_by_hand_stays_taken() {
    let generated = named(None);
    assert!(TAKEN.lock().contains(generated.address()));
    drop(named(Some(generated.address().clone())));
    assert!(TAKEN.lock().contains(generated.address()));
}

#[test]
fn of_one_seed_come_the_same_addresses_whatever_else_is_taken() {
    let seeded = || Identity::new("s", None, &Arc::new(Rng::seeded(7)));
    let first = seeded();
    assert_eq!(first.address(), seeded().address());
    assert!(!TAKEN.lock().contains(first.address()));
}

#[test]
fn every_number_of_a_generated_address_may_be_anything_in_its_range() {
    let rng = Rng::seeded(7);
    let mut drawn = std::collections::BTreeSet::new();
    for _ in 0..5_000 {
        let address = draw(&rng);
        let mut numbers = address
            .host()
            .split('.')
            .map(|it| it.parse::<u16>().unwrap());
        assert_eq!(numbers.next(), Some(239));
        drawn.extend(numbers.enumerate());
        assert!(address.port() >= 10_000);
    }
    let all = (0..3).flat_map(|place| (100..=255).map(move |number| (place, number)));
    assert!(drawn.into_iter().eq(all));
}
