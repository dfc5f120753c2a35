//! The images: what a Dockerfile copies, builds and runs is there, and it runs as nobody.

use crate::metadata::Package;
use crate::release::Release;

mod dockerfile;

use dockerfile::{Copied, Dockerfile, Program};

/// The file that keeps others out of the context of an image.
pub(super) const IGNORED: &str = ".dockerignore";

/// The lines that it must have: for what is large, and changes with every build.
const KEPT_OUT: [&str; 2] = ["**/target", ".git"];

/// The repository, as far as images depend on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Repository<'a> {
    pub(super) files: &'a [String],
    pub(super) packages: &'a [Package],
    pub(super) promised: Release,
    /// The text of [`IGNORED`].
    pub(super) ignored: &'a str,
}

/// Returns what is wrong with a file, if it is a Dockerfile.
pub(super) fn findings(path: &str, text: &str, repository: Repository<'_>) -> Vec<String> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    if name != "Dockerfile" {
        return Vec::new();
    }
    let image = Dockerfile::read(text);
    let mut findings = Vec::new();
    // A package is built from the whole workspace; anything else, from the folder of the Dockerfile.
    let context = if image.programs.is_empty() {
        folder
    } else {
        findings.extend(left_in(repository));
        ""
    };
    for copied in &image.copied {
        match copied {
            Copied::Context(source) => findings.extend(missing(context, source, repository.files)),
            Copied::Built(source) => findings.extend(unbuilt(source, &image.programs)),
        }
    }
    let programs = image.programs.iter();
    findings.extend(programs.flat_map(|program| unknown(program, repository.packages)));
    let wanted = format!("rust:{}-alpine", repository.promised);
    let compilers = image.bases.iter().filter(|base| base.starts_with("rust:"));
    for base in compilers.filter(|base| **base != wanted) {
        findings.push(format!("is built by {base}, not by {wanted}"));
    }
    let runs_as = image.user.as_deref().unwrap_or("root");
    let id = runs_as.split(':').next().unwrap_or(runs_as);
    if !id.parse().is_ok_and(|id: u32| id > 0) {
        findings.push(format!("runs as {runs_as}, not as the number of a user"));
    }
    findings.extend(absent(&image));
    let named = findings.into_iter();
    named.map(|finding| format!("{path}: {finding}")).collect()
}

/// Returns what would be copied into an image for nothing.
fn left_in(repository: Repository<'_>) -> impl Iterator<Item = String> + '_ {
    let kept_out = move |pattern: &&str| repository.ignored.lines().any(|line| line == *pattern);
    let left = KEPT_OUT.into_iter().filter(move |it| !kept_out(it));
    left.map(|pattern| format!("copies {pattern}, which {IGNORED} does not keep out"))
}

fn missing(context: &str, source: &str, files: &[String]) -> Option<String> {
    let source = source.trim_start_matches("./").trim_end_matches('/');
    if source == "." {
        return None;
    }
    let path = match context {
        "" => source.to_owned(),
        folder => format!("{folder}/{source}"),
    };
    let within = format!("{path}/");
    let there = files
        .iter()
        .any(|it| *it == path || it.starts_with(&within));
    (!there).then(|| format!("copies {path}, which is not there"))
}

fn unbuilt(source: &str, programs: &[Program]) -> Option<String> {
    let made = |program: &Program| format!("/{}/{}", program.folder, program.name);
    let built = programs.iter().any(|it| source.ends_with(&made(it)));
    (!built).then(|| format!("copies {source}, which it does not build"))
}

fn unknown(program: &Program, packages: &[Package]) -> Vec<String> {
    let Program { package, name, .. } = program;
    let mut findings = Vec::new();
    let known = packages.iter().find(|it| it.name == *package);
    if !known.is_some_and(|it| it.programs.contains(name)) {
        findings.push(format!("builds {name} of {package}, which has none"));
    }
    if !program.locked {
        findings.push(format!("builds {name} without --locked"));
    }
    findings
}

/// Returns a finding if an empty image has not the program that it runs.
fn absent(image: &Dockerfile) -> Option<String> {
    let Some(runs) = &image.runs else {
        return Some("has no ENTRYPOINT that is a list of words".to_owned());
    };
    let name = runs.rsplit('/').next().unwrap_or(runs);
    let empty = image.bases.last().is_some_and(|base| base == "scratch");
    let mut copied = image.copied.iter();
    let has =
        |it: &Copied| matches!(it, Copied::Built(from) if from.ends_with(&format!("/{name}")));
    (empty && !copied.any(has)).then(|| format!("runs {runs}, which nothing copies into it"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release;

    const GOOD: &str = "FROM rust:1.95-alpine AS build\nCOPY . .\n\
         RUN cargo build --profile dist --locked \\\n    --package casty-cli --bin casty\n\
         FROM scratch\nCOPY --from=build /source/target/dist/casty /usr/bin/casty\n\
         COPY docs/a.toml /etc/a.toml\nUSER 65532:65532\nENTRYPOINT [\"casty\"]\n";

    fn found(path: &str, text: &str) -> Vec<String> {
        let package = Package {
            name: "casty-cli".to_owned(),
            programs: vec!["casty".to_owned()],
            rust_version: Some("1.95".to_owned()),
            ..Package::default()
        };
        let packages = [package];
        let files = ["docs/a.toml", "x/app/main.py"].map(str::to_owned);
        let repository = Repository {
            files: &files,
            promised: release::promised(&packages).unwrap(),
            packages: &packages,
            ignored: "**/target\n.git\n",
        };
        findings(path, text, repository)
    }

    #[test]
    fn an_image_copies_and_runs_what_is_there_and_what_it_has_built() {
        assert_eq!(found("Dockerfile", GOOD), [""; 0]);
        for (good, bad, finding) in [
            ("1.95-alpine", "1.94-alpine", "is built by rust:1.94-alpine"),
            ("docs/a.toml", "docs/b.toml", "copies docs/b.toml"),
            (
                "dist/casty",
                "release/casty",
                "copies /source/target/release",
            ),
            ("--bin casty", "--bin casto", "builds casto of casty-cli"),
            ("--locked ", "", "without --locked"),
            ("USER 65532:65532\n", "", "runs as root"),
            ("USER 65532:65532", "USER 0", "runs as 0"),
            ("[\"casty\"]", "[\"sh\"]", "runs sh"),
            ("[\"casty\"]", "casty", "has no ENTRYPOINT"),
        ] {
            let found = found("Dockerfile", &GOOD.replace(good, bad));
            let named = found.iter().any(|it| it.contains(finding));
            assert!(named, "{good} -> {bad}: {found:?}");
        }
    }

    #[test]
    fn an_image_that_builds_no_package_copies_from_its_own_folder() {
        let text = "FROM python:3.13-slim\nCOPY main.py requirements.txt /app/\nUSER 1\n\
             ENTRYPOINT [\"python\", \"main.py\"]\n";
        let found = found("x/app/Dockerfile", text);
        let missing = "x/app/Dockerfile: copies x/app/requirements.txt, which is not there";
        assert_eq!(found, [missing]);
    }

    #[test]
    fn other_files_are_no_images() {
        assert_eq!(found("docs/a.toml", "COPY b c"), [""; 0]);
    }
}
