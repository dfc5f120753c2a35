//! The contents of files: budgets, leftovers, and how tests are written.

use super::mask;

/// Lines of a source file before its tests, and of all of a file that holds nothing but tests.
const BUDGET: usize = 600;

/// Words that mark unfinished work, put together here so that this file does not hold them.
const MARKS: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];

/// Folders in which the machines of authors keep things.
const PRIVATE: [&str; 4] = ["work", "farm", "root", "home"];

/// Returns the findings in one text file, a line each.
pub(super) fn findings(path: &str, text: &str) -> Vec<String> {
    let mut found = leftovers(text);
    match path.rsplit_once('.') {
        Some((_, "rs")) => found.extend(rust(path, text)),
        Some((_, "py")) => found.extend(over(BUDGET, text.lines().count())),
        _ => {}
    }
    found
        .into_iter()
        .map(|(line, finding)| format!("{path}:{line}: {finding}"))
        .collect()
}

/// A line number, from 1, and what is wrong there.
type Found = Vec<(usize, String)>;

fn leftovers(text: &str) -> Found {
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
        if let Some(mark) = words.find(|word| MARKS.contains(word)) {
            found.push((number, format!("unfinished work: {mark}")));
        }
        if has_private_path(line) {
            found.push((number, "a path of one machine".to_owned()));
        }
    }
    found
}

/// Returns whether an absolute path into somebody's own folders stands in the line.
fn has_private_path(line: &str) -> bool {
    line.match_indices('/').any(|(at, _)| {
        let (before, path) = line.split_at(at);
        let begins = !before.ends_with(|c: char| c.is_ascii_alphanumeric() || "_.-".contains(c));
        let mut parts = path.split('/').skip(1);
        let first = parts.next().unwrap_or_default();
        let is_person =
            |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase());
        let deep = match first {
            "home" => parts.next().is_some_and(is_person) && parts.next().is_some(),
            _ => parts.next().is_some(),
        };
        begins && PRIVATE.contains(&first) && deep
    })
}

/// The lines of a file that its budget counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    /// A source file, up to its tests.
    Source(usize),
    /// A file that holds nothing but tests, all of it.
    Tests(usize),
}

/// Returns the size of a file; `None` if it is no Rust.
pub(super) fn size(path: &str, text: &str) -> Option<Size> {
    let (_, "rs") = path.rsplit_once('.')? else {
        return None;
    };
    let code = mask::code(text);
    Some(size_of(path, &code.lines().collect::<Vec<_>>()))
}

fn size_of(path: &str, lines: &[&str]) -> Size {
    let mut parts = path.split('/');
    if parts.any(|part| part == "tests" || part == "tests.rs") {
        Size::Tests(lines.len())
    } else {
        Size::Source(first_test_line(lines))
    }
}

fn rust(path: &str, text: &str) -> Found {
    let code = mask::code(text);
    let lines: Vec<&str> = code.lines().collect();
    let (mut found, tests) = match size_of(path, &lines) {
        Size::Tests(lines) => (over(BUDGET, lines), 0),
        Size::Source(lines) => (over(BUDGET, lines), lines),
    };
    // Whether the test that a line belongs to runs in paused time, and whether its `fn` is still to
    // come.
    let mut paused = false;
    let mut is_opened = false;
    for (at, line) in lines.iter().enumerate() {
        let mut note = |finding: &str| found.push((at + 1, finding.to_owned()));
        if line.contains("#[test]") || line.contains("::test]") || line.contains("::test(") {
            paused = line.contains("start_paused = true");
            is_opened = true;
        }
        paused |= line.contains("in_paused_time(");
        for open in ["todo!", "unimplemented!"] {
            if line.contains(open) {
                note(&format!("unfinished work: {open}"));
            }
        }
        if line.contains("#[ignore") {
            note("an ignored test");
        }
        if at >= tests && !paused && has_call(line, "sleep") {
            note("a test that sleeps; wait for an event, or pause the time");
        }
        if is_opened && line.contains("fn test_") {
            note("a test's name is a sentence, without `test_`");
        }
        is_opened &= !line.contains("fn ");
    }
    found
}

fn over(budget: usize, lines: usize) -> Found {
    let finding = || (lines, format!("{lines} lines, over {budget}"));
    (lines > budget).then(finding).into_iter().collect()
}

/// Returns the index of the line from which on there are only tests: a `#[cfg(test)]` whose module
/// has its body here.
fn first_test_line(lines: &[&str]) -> usize {
    let opens = |at: usize| {
        let mut behind = lines.iter().skip(at + 1);
        let item = behind.find(|line| !line.starts_with("#["));
        item.is_some_and(|line| line.contains("mod ") && line.contains('{'))
    };
    let marked = |at: &usize| {
        lines
            .get(*at)
            .is_some_and(|line| line.starts_with("#[cfg(test)]"))
    };
    let found = (0..lines.len()).filter(marked).find(|at| opens(*at));
    found.unwrap_or(lines.len())
}

/// Returns whether a function of that name is called: not one whose name only ends so.
fn has_call(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        let (before, behind) = line.split_at(at);
        let whole = !before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        whole
            && behind
                .get(name.len()..)
                .is_some_and(|rest| rest.starts_with('('))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the findings in a Rust file, without path and line.
    fn in_rust(text: &str) -> Vec<String> {
        findings("a/src/b.rs", text)
            .iter()
            .filter_map(|finding| finding.splitn(3, ':').nth(2))
            .map(|finding| finding.trim().to_owned())
            .collect()
    }

    #[test]
    fn a_file_may_have_600_lines_before_its_tests_and_a_file_of_tests_in_all() {
        let tests = "#[cfg(test)]\nmod tests {\n}\n";
        let fine = "x\n".repeat(600) + tests + &"y\n".repeat(900);
        assert!(in_rust(&fine).is_empty());
        assert_eq!(in_rust(&("x\n".repeat(601) + tests)).len(), 1);
        assert_eq!(findings("a/tests/b.rs", &"x\n".repeat(601)).len(), 1);
        assert!(findings("a/src/b/tests.rs", &"x\n".repeat(600)).is_empty());
        assert_eq!(findings("a/b.py", &"x\n".repeat(601)).len(), 1);
    }

    #[test]
    fn other_attributes_may_stand_at_the_module_of_tests() {
        let text = "#[cfg(test)]\n#[allow(a)]\nmod tests {\n".to_owned() + &"x\n".repeat(900);
        assert!(in_rust(&text).is_empty());
    }

    #[test]
    fn a_module_of_tests_in_a_file_of_its_own_does_not_end_the_budget() {
        let text = "#[cfg(test)]\nmod tests;\n".to_owned() + &"x\n".repeat(600);
        assert_eq!(in_rust(&text).len(), 1);
    }

    #[test]
    fn sleeping_is_found_in_tests_and_only_there() {
        let nap = "    thread::sleep(d);\n";
        let tests = "#[cfg(test)]\nmod tests {\n";
        assert_eq!(
            in_rust(&format!("{tests}{nap}")),
            ["a test that sleeps; wait for an event, or pause the time"]
        );
        assert!(in_rust(&format!("{nap}{tests}")).is_empty());
        assert!(
            in_rust(&format!(
                "{tests}    sleep_until(d); oversleep(d); // sleep(d)\n"
            ))
            .is_empty()
        );
        assert_eq!(findings("a/src/b/tests.rs", nap).len(), 1);
        let paused = "#[tokio::test(start_paused = true)]\nasync fn a() {\n";
        assert!(findings("a/tests/b.rs", &format!("{paused}{nap}}}\n")).is_empty());
        let real = format!("{paused}}}\n#[tokio::test]\nasync fn b() {{\n{nap}}}\n");
        assert_eq!(findings("a/tests/b.rs", &real).len(), 1);
    }

    #[test]
    fn ignored_and_badly_named_tests_are_found() {
        assert_eq!(
            in_rust("#[test]\n#[ignore = \"slow\"]\nfn a() {}\n"),
            ["an ignored test"]
        );
        for attribute in [
            "#[test]",
            "#[tokio::test]",
            "#[tokio::test(start_paused = true)]",
        ] {
            assert_eq!(
                in_rust(&format!("{attribute}\nasync fn test_a() {{}}\n")).len(),
                1
            );
            assert!(in_rust(&format!("{attribute}\nfn a() {{}}\nfn test_b() {{}}\n")).is_empty());
        }
    }

    #[test]
    fn unfinished_work_is_found_in_code_and_in_comments() {
        assert_eq!(in_rust("fn a() { todo!() }\n").len(), 1);
        assert_eq!(in_rust("fn a() { unimplemented!(\"b\") }\n").len(), 1);
        assert!(
            in_rust("/// Never `todo!()`.\nfn a() -> &'static str { \"todo!()\" }\n").is_empty()
        );
        for mark in MARKS {
            assert_eq!(findings("README.md", &format!("{mark}: more")).len(), 1);
            assert!(findings("README.md", &format!("{mark}S")).is_empty());
        }
    }

    #[test]
    fn paths_of_one_machine_are_found() {
        for (folder, fine) in [
            ("/{}/project/x", false),
            ("see \"/{}/x\"", false),
            ("target/{}/x", true),
            ("https://host/{}/x", true),
            ("/{}", true),
            ("/usr/{}/x", true),
        ] {
            let line = folder.replace("{}", "work");
            assert_ne!(has_private_path(&line), fine, "{line}");
        }
        let home = format!("/{}/", "home");
        assert!(has_private_path(&format!("cd {home}ada/casty")));
        assert!(!has_private_path(&format!("cd {home}<name>/casty")));
    }
}
