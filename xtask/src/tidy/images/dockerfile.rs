//! A Dockerfile, read as far as its checks need it.

/// A Dockerfile.
#[derive(Debug, Default)]
pub(super) struct Dockerfile {
    /// The images that it is built on, stage by stage.
    pub(super) bases: Vec<String>,
    pub(super) copied: Vec<Copied>,
    pub(super) programs: Vec<Program>,
    /// The user of the last stage, if it names one.
    pub(super) user: Option<String>,
    /// The first word of the last stage's entry point.
    pub(super) runs: Option<String>,
}

/// A file or folder that is copied into an image.
#[derive(Debug)]
pub(super) enum Copied {
    /// From the context.
    Context(String),
    /// From an earlier stage.
    Built(String),
}

/// A program that cargo builds.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) package: String,
    pub(super) name: String,
    /// The folder that cargo leaves it in: of its profile.
    pub(super) folder: String,
    pub(super) locked: bool,
}

impl Dockerfile {
    pub(super) fn read(text: &str) -> Self {
        let mut image = Self::default();
        let comment = |line: &&str| line.trim_start().starts_with('#');
        let lines: Vec<_> = text.lines().filter(|line| !comment(line)).collect();
        let joined = lines.join("\n").replace("\\\n", " ");
        for line in joined.lines() {
            let (instruction, rest) = line.trim().split_once(' ').unwrap_or((line, ""));
            match instruction {
                "FROM" => {
                    image.bases.extend(words(rest).next().map(str::to_owned));
                    image.user = None;
                    image.runs = None;
                }
                "COPY" => image.copied.extend(copied(rest)),
                "RUN" => image.programs.extend(program(rest)),
                "USER" => image.user = Some(rest.trim().to_owned()),
                "ENTRYPOINT" => image.runs = first(rest),
                _ => {}
            }
        }
        image
    }
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split_whitespace()
}

/// Returns what an instruction copies: all of its words but the last, which is where to.
fn copied(rest: &str) -> Vec<Copied> {
    let built = words(rest).any(|word| word.starts_with("--from="));
    let mut paths: Vec<_> = words(rest).filter(|word| !word.starts_with("--")).collect();
    paths.pop();
    let copied = paths.into_iter().map(str::to_owned);
    let kind = if built {
        Copied::Built
    } else {
        Copied::Context
    };
    copied.map(kind).collect()
}

/// Returns the program that a command of cargo builds.
fn program(rest: &str) -> Option<Program> {
    let (_, arguments) = rest.split_once("cargo build ")?;
    let behind = |flag: &str| {
        let mut arguments = words(arguments);
        arguments.find(|word| *word == flag)?;
        arguments.next().map(str::to_owned)
    };
    let has = |flag: &str| words(arguments).any(|word| word == flag);
    let unnamed = if has("--release") { "release" } else { "debug" };
    Some(Program {
        package: behind("--package").unwrap_or_default(),
        name: behind("--bin").unwrap_or_default(),
        folder: behind("--profile").unwrap_or_else(|| unnamed.to_owned()),
        locked: has("--locked"),
    })
}

/// Returns the first word of a list as JSON has it.
fn first(list: &str) -> Option<String> {
    let words: Vec<String> = serde_json::from_str(list).ok()?;
    words.into_iter().next()
}
