//! The blocks of code of a page, and the addresses in them.

use casty_testkit::Cluster;

/// Returns the block of a language with this number, from 0, below the heading of these words; all of the page
/// counts without any.
pub(crate) fn block(page: &str, heading: &str, language: &str, number: usize) -> String {
    let below = match heading {
        "" => page,
        words => {
            let (_, below) = page.split_once(&format!("## {words}\n")).expect(words);
            below.split("\n## ").next().unwrap()
        }
    };
    let mut blocks = Blocks(below.lines()).filter(|(its, _)| its == language);
    let (_, text) = blocks.nth(number).expect("the block is there");
    text
}

/// The blocks of a text, each with its language and without its indentation.
struct Blocks<'a>(std::str::Lines<'a>);

impl Iterator for Blocks<'_> {
    type Item = (String, String);

    fn next(&mut self) -> Option<Self::Item> {
        let first = self.0.find(|line| line.trim_start().starts_with("```"))?;
        let language = first.trim_start().trim_start_matches('`');
        let indent = first.len() - first.trim_start().len();
        let lines = self.0.by_ref();
        let inside = lines.take_while(|line| line.trim_start() != "```");
        let inside = inside.map(|line| line.get(indent..).unwrap_or_default());
        let text = inside.collect::<Vec<_>>().join("\n");
        Some((language.to_owned(), text))
    }
}

/// Replaces the addresses that nodes have on the pages by those of a cluster's.
pub(crate) fn of_cluster(text: &str, cluster: &Cluster) -> String {
    let addresses = cluster.addresses().iter().enumerate();
    addresses.fold(text.to_owned(), |text, (number, address)| {
        text.replace(&format!("10.0.1.1{number}:25520"), &address.to_string())
    })
}

#[test]
fn a_block_is_found_by_its_heading_its_language_and_its_number() {
    let page = "```sh\na\n```\n\n## One\n\n1. x\n\n   ```sh\n   b\n   c\n   ```\n```toml\nd\n```\n\n## Two\n```sh\ne\n```\n";
    for (heading, language, number, text) in [
        ("", "sh", 0, "a"),
        ("", "sh", 2, "e"),
        ("One", "sh", 0, "b\nc"),
        ("One", "toml", 0, "d"),
        ("Two", "sh", 0, "e"),
    ] {
        assert_eq!(block(page, heading, language, number), text, "{heading}");
    }
}
