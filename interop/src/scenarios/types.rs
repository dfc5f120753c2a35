//! Types that `casty types` has written: values of them come from nodes and go back, and drift is found.

use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};

use casty_client::EntityRef;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::process::Command;

use crate::app::{CheckSample, Echo, GetSample};
use crate::clients::{close, connect};
use crate::cluster::SHARDS;
use crate::command::casty;
use crate::python::Installation;
use crate::scenario::{Context, Failure, Figures, LeftOut, Scenario};
use crate::serializer::Serializer;
use crate::typed::{app, choices, containers, forward, generics, shapes};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario::new(
        "values_of_generated_types_come_from_nodes_and_go_back",
        90,
        |context| Box::pin(there_and_back(context)),
    ),
    Scenario::new(
        "generated_types_are_those_of_the_modules_and_drift_is_found",
        60,
        |context| Box::pin(drift(context)),
    ),
];

/// Fields of the nodes' application whose values have more than 64 bits.
const BIG: [&str; 6] = [
    "counter_app.messages.JsonSafe.bigint",
    "counter_app.messages.JsonSafe.negbig",
    "counter_app.messages.MsgpackSafe.bigint",
    "counter_app.messages.MsgpackSafe.negbig",
    "counter_app.messages.Everything.bigint",
    "counter_app.messages.Everything.negbig",
];

/// Samples on their way, and what differed.
struct Samples {
    echo: EntityRef,
    checked: usize,
    differences: Vec<String>,
}

impl Samples {
    /// Has Python make the sample of that name, reads it as a `T`, has it echoed, and has Python compare
    /// both with its own.
    async fn are<T>(&mut self, name: &'static str)
    where
        T: Serialize + DeserializeOwned + Debug + Clone,
    {
        self.checked += 1;
        if let Err(difference) = self.pass::<T>(name).await {
            self.differences.push(format!("{name}: {difference}"));
        }
    }

    async fn pass<T>(&self, name: &'static str) -> Result<(), Failure>
    where
        T: Serialize + DeserializeOwned + Debug + Clone,
    {
        let made: T = self
            .echo
            .ask(|reply_to| GetSample { name, reply_to })
            .await?;
        self.check(name, &made).await?;
        let value = made.clone();
        let echoed: T = self.echo.ask(|reply_to| Echo { value, reply_to }).await?;
        // Unlike ==, the text of a NaN is that of another.
        if format!("{echoed:?}") != format!("{made:?}") {
            return Err(format!("{made:?} came back as {echoed:?}").into());
        }
        self.check(name, &echoed).await
    }

    async fn check(&self, name: &'static str, value: &impl Serialize) -> Result<(), Failure> {
        let difference = self.echo.ask(|reply_to| CheckSample {
            name,
            value,
            reply_to,
        });
        difference
            .await?
            .map_or(Ok(()), |difference: String| Err(difference.into()))
    }
}

async fn there_and_back(context: Context) -> Result<Figures, Failure> {
    let cluster = context.cluster().await?;
    let client = connect(cluster).await?;
    let mut samples = Samples {
        echo: client.entity_ref("echo", SHARDS)?.entity("generated"),
        checked: 0,
        differences: Vec::new(),
    };
    of_all_serializers(&mut samples).await;
    match context.serializer() {
        Serializer::Json => samples.are::<app::JsonSafe>("everything").await,
        Serializer::MsgPack => {
            samples.are::<containers::Binary>("typed.Binary").await;
            samples.are::<app::MsgpackSafe>("everything").await;
        }
        Serializer::Pickle | Serializer::CloudPickle | Serializer::Protobuf => {
            of_pickle(&mut samples).await;
        }
    }
    close(&client).await?;
    if samples.differences.is_empty() {
        let checked = samples.checked;
        Ok(format!("{checked} of {checked} types"))
    } else {
        Err(samples.differences.join("; ").into())
    }
}

async fn of_all_serializers(samples: &mut Samples) {
    samples.are::<shapes::Circle>("typed.Circle").await;
    samples.are::<shapes::Slotted>("typed.Slotted").await;
    samples
        .are::<shapes::MutableSlotted>("typed.MutableSlotted")
        .await;
    samples.are::<shapes::Keywords>("typed.Keywords").await;
    samples.are::<shapes::Mixed>("typed.Mixed").await;
    samples.are::<shapes::Seeded>("typed.Seeded").await;
    samples.are::<shapes::Empty>("typed.Empty").await;
    samples.are::<shapes::OuterInner>("typed.Inner").await;
    samples.are::<shapes::OuterKind>("typed.Kind").await;
    samples.are::<shapes::Switches>("typed.Switches").await;
    samples.are::<shapes::Odd>("typed.Odd").await;
    samples
        .are::<shapes::UsesPrivate>("typed.UsesPrivate")
        .await;
    samples
        .are::<shapes::OddClassInner>("typed.odd_inner")
        .await;
    samples.are::<choices::Journal>("typed.Journal").await;
    samples.are::<choices::Command>("typed.Command").await;
    samples.are::<choices::Event>("typed.Event").await;
    samples.are::<containers::Plain>("typed.Plain").await;
    samples.are::<containers::Node>("typed.Node").await;
    samples.are::<containers::Tree>("typed.Tree").await;
    samples
        .are::<containers::Expression>("typed.Expression")
        .await;
    samples.are::<containers::Even>("typed.Even").await;
    samples.are::<containers::Document>("typed.Document").await;
    samples.are::<generics::Uses>("typed.Uses").await;
    samples.are::<generics::AskNumber>("typed.AskNumber").await;
    samples.are::<generics::Subscribe>("typed.Subscribe").await;
    samples
        .are::<forward::ForwardCircle>("typed.OtherCircle")
        .await;
    samples.are::<forward::Later>("typed.Later").await;
    samples.are::<app::Color>("enum").await;
    samples.are::<app::Color>("tuple_enum").await;
    samples.are::<app::Level>("int_enum").await;
    samples.are::<app::Perm>("flag").await;
    samples.are::<app::Point>("frozen").await;
    samples.are::<app::MutablePoint>("mutable").await;
    samples.are::<app::SlotPoint>("frozen_slots").await;
    samples.are::<app::MutableSlotPoint>("slots").await;
    samples.are::<app::WithDefaults>("defaults").await;
    samples.are::<app::Empty>("empty").await;
    samples.are::<app::OuterInner>("nested").await;
    samples.are::<app::Keywords>("keywords").await;
    samples.are::<app::KeywordSlots>("keyword_slots").await;
}

async fn of_pickle(samples: &mut Samples) {
    samples.are::<containers::Binary>("typed.Binary").await;
    samples.are::<containers::Pickled>("typed.Pickled").await;
    samples.are::<shapes::Settings>("typed.Settings").await;
    samples.are::<shapes::Defaults>("typed.Defaults").await;
    samples.are::<shapes::Computed>("typed.Computed").await;
    samples.are::<forward::Moments>("typed.Moments").await;
    samples.are::<forward::ForwardDate>("typed.date").await;
    samples.are::<app::Computed>("computed").await;
    samples.are::<app::Everything>("everything").await;
}

/// Runs once, with no node at all.
async fn drift(context: Context) -> Result<Figures, Failure> {
    if context.serializer() != Serializer::Pickle {
        return LeftOut::because("left to pickle");
    }
    let python = context.python();
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let stored = workspace.join("crates/casty-types/tests/golden");
    let modules = ["shapes", "choices", "containers", "generics", "forward"];
    for module in modules {
        let file = stored.join(format!("{module}.rs"));
        unchanged(check(python, &file, &[&format!("typed.{module}")], &[]).await?)?;
    }
    let file = workspace.join("interop/src/typed/app.rs");
    let names = ["counter_app.messages", "interop_app.messages"];
    unchanged(check(python, &file, &names, &BIG).await?)?;

    // Another module than the file is of stands for one that has changed.
    let file = stored.join("shapes.rs");
    let (code, told) = check(python, &file, &["typed.choices"], &[]).await?;
    if code != Some(1) || !told.contains("typed.choices.Journal: the class is new") {
        return Err(format!("drift is not found: {code:?}, {told}").into());
    }
    Ok(format!("{} files without drift", modules.len() + 1))
}

fn unchanged((code, told): (Option<i32>, String)) -> Result<(), Failure> {
    if code == Some(0) {
        Ok(())
    } else {
        Err(format!("exits with {code:?}: {told}").into())
    }
}

/// Runs `casty types --check`; returns how it exits and what it prints.
async fn check(
    python: &Installation,
    file: &Path,
    modules: &[&str],
    big: &[&str],
) -> Result<(Option<i32>, String), Failure> {
    let program: PathBuf = casty()?;
    let mut command = Command::new(program);
    command
        .arg("types")
        .arg("--python")
        .arg(python.interpreter());
    command.arg("--path").arg(python.sources());
    for field in big {
        command.args(["--big", field]);
    }
    let file = fs::canonicalize(file)?;
    let output = command
        .arg("--check")
        .arg(file)
        .args(modules)
        .output()
        .await?;
    let told = [output.stdout, output.stderr].concat();
    Ok((
        output.status.code(),
        String::from_utf8_lossy(&told).into_owned(),
    ))
}
