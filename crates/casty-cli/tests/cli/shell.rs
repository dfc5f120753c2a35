//! The scripts for shells, and the manual pages.

use std::fs;

use tokio::process::Command;

use crate::process::{casty, end, end_with_input};

#[tokio::test]
async fn each_shell_is_given_a_script_and_bash_and_zsh_can_read_theirs() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = end(casty(&["completions", shell])).await.with(0);
        for word in ["completions", "topology", "--timeout"] {
            let plain = word.trim_start_matches('-');
            assert!(script.out.contains(plain), "{shell}: {word}");
        }
        assert_eq!(script.err, "");
        // Which of them this machine has, nobody promised; bash runs the project's own scripts.
        let there = Command::new(shell)
            .arg("-c")
            .arg("true")
            .output()
            .await
            .is_ok();
        assert!(there || shell != "bash");
        if there && matches!(shell, "bash" | "zsh") {
            let mut checker = Command::new(shell);
            checker.arg("-n").stderr(std::process::Stdio::piped());
            checker.stdout(std::process::Stdio::piped());
            let checked = end_with_input(checker, script.out.as_bytes()).await.with(0);
            assert_eq!(checked.err, "", "{shell}");
        }
    }
}

#[tokio::test]
async fn bash_completes_commands_and_options() {
    let script = end(casty(&["completions", "bash"])).await.with(0).out;
    let asked =
        "COMP_WORDS=(casty top); COMP_CWORD=1; _casty casty top casty; echo \"${COMPREPLY[@]}\"";
    let mut bash = Command::new("bash");
    bash.stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let said = end_with_input(bash, format!("{script}\n{asked}\n").as_bytes())
        .await
        .with(0);
    assert_eq!(said.out, "topology\n", "{said:#?}");
}

/// Returns the commands of a page that would be filled and broken like prose.
fn outside_of_examples(page: &str) -> Vec<&str> {
    let mut stays = false;
    let lines = page.lines().filter(|line| {
        stays = match *line {
            ".nf" => true,
            ".fi" => false,
            _ => stays,
        };
        !stays && line.starts_with("  casty ")
    });
    lines.collect()
}

#[tokio::test]
async fn each_command_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let man = folder.path().join("man1");
    let written = end(casty(&["man", man.to_str().unwrap()])).await.with(0);
    let help = end(casty(&["--help"])).await.with(0).out;
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| !line.is_empty());
    let names: Vec<_> = listed
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(names.len() > 18, "{help}");
    for name in names.into_iter().filter(|name| *name != "help") {
        let page = fs::read_to_string(man.join(format!("casty-{name}.1"))).unwrap();
        assert!(page.contains(".TH casty-"), "{name}: {page}");
        assert!(page.contains(".SH \"EXAMPLES\"\n.nf\n  "), "{name}: {page}");
        assert!(!page.contains("EXTRA"), "{name}: {page}");
        assert_eq!(outside_of_examples(&page), [""; 0], "{name}");
    }
    assert!(man.join("casty-cert-ca.1").exists());
    let root = fs::read_to_string(man.join("casty.1")).unwrap();
    assert!(
        root.contains(".SH \"EXIT STATUS\"\n.nf\n    0  done\n"),
        "{root}"
    );
    assert!(
        root.contains("  130  interrupted\n.fi\n.PP\ncasty lock"),
        "{root}"
    );
    let root = fs::read(man.join("casty.1")).unwrap();
    let printed = end(casty(&["man"])).await.with(0);
    assert_eq!(printed.out.as_bytes(), root);
    assert!(
        written
            .out
            .lines()
            .any(|line| line.ends_with("casty-ask.1"))
    );
}
