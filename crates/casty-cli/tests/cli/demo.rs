use crate::process::{casty, end};

#[tokio::test(flavor = "multi_thread")]
async fn demo_does_everything_that_it_narrates() {
    let ended = end(casty(&["demo"])).await.with(0);
    assert_eq!(ended.err, "");
    let begins = [
        "Started three nodes at 127.0.0.1:",
        "Connected in ",
        "Told 10000 messages to 100 entities in ",
        "Asked 1000 times, one after the other: ",
        "Asked 1000 times at once: all answered in ",
        "Killed 127.0.0.1:",
        "Asked user-42 again: 127.0.0.1:",
        "Asked all the others: ",
        "The view has moved on after ",
        "Closed: ",
    ];
    let lines: Vec<_> = ended.out.lines().collect();
    assert_eq!(lines.len(), begins.len(), "{}", ended.out);
    for (line, begin) in lines.iter().zip(begins) {
        assert!(line.starts_with(begin), "{line}");
    }
}
