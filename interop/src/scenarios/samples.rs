//! A value of every Python type: made by Python and sent back, and made by Rust.

use std::cmp::Reverse;
use std::fmt::Debug;

use bytes::Bytes;
use casty_client::{ActorRef, AskError, EntityRef, TellError, Value};
use casty_proto::protobuf::Any;
use casty_proto::value::{BigInt, ByteArray, Complex, Decimal};
use casty_proto::{FrozenSet, Set, Tuple};
use prost_types::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::app::kinds::{
    Color, Computed, Empty, Everything, Inner, JsonSafe, KeywordSlots, Keywords, Level,
    MsgpackSafe, MutablePoint, MutableSlotPoint, Perm, Point, SlotPoint, WithDefaults,
};
use crate::app::{CheckSample, Echo, GetSample};
use crate::clients::{close, connect};
use crate::cluster::SHARDS;
use crate::scenario::{Context, Failure, Figures, Scenario};
use crate::serializer::Serializer;

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario::new(
        "a_value_of_every_type_comes_and_goes_back_unchanged",
        90,
        |context| Box::pin(as_values(context)),
    )
    .core(),
    Scenario::new(
        "a_value_of_every_type_is_read_and_built_as_a_rust_type",
        90,
        |context| Box::pin(as_rust_types(context)),
    ),
    Scenario::new(
        "a_value_that_the_serializer_cannot_carry_is_refused_to_the_caller",
        60,
        |context| Box::pin(refused(context)),
    ),
];

/// Samples that all serializers carry.
const PLAIN: &[&str] = &[
    "none",
    "true",
    "int",
    "big_int",
    "negative_big_int",
    "float",
    "nan",
    "infinity",
    "text",
    "list",
    "tuple",
    "empty_tuple",
    "dict",
    "frozenset",
    "enum",
    "tuple_enum",
    "int_enum",
    "flag",
    "frozen",
    "mutable",
    "frozen_slots",
    "slots",
    "defaults",
    "empty",
    "nested",
    "keywords",
    "keyword_slots",
    "ref",
    "everything",
];

/// Samples that neither json nor msgpack carries.
const PICKLED: &[&str] = &[
    "bytearray",
    "set",
    "datetime",
    "datetime_utc",
    "datetime_east",
    "datetime_zone",
    "date",
    "time",
    "timedelta",
    "uuid",
    "decimal",
    "complex",
    "computed",
];

const TEXT: &str = "h\u{e9}llo \u{4e16}\u{754c} \u{1f600} \"q\" \\ \n";
const REF: &str = "casty://interop@127.0.0.1:1/sample";

async fn as_values(context: Context) -> Result<Figures, Failure> {
    let cluster = context.cluster().await?;
    let client = connect(cluster).await?;
    let echo = client.entity_ref("echo", SHARDS)?.entity("values");
    let mut names = PLAIN.to_vec();
    match context.serializer() {
        Serializer::Json => {}
        Serializer::MsgPack => names.push("bytes"),
        Serializer::Pickle | Serializer::CloudPickle | Serializer::Protobuf => {
            names.push("bytes");
            names.extend(PICKLED);
        }
    }
    let mut differences = Vec::new();
    for name in &names {
        if let Err(difference) = there_and_back(&echo, name).await {
            differences.push(format!("{name}: {difference}"));
        }
    }
    close(&client).await?;
    verdict(names.len(), &differences)
}

/// Has Python make it, and Rust read and write it, twice.
async fn there_and_back(echo: &EntityRef, name: &'static str) -> Result<(), Failure> {
    let value: Value = echo.ask(|reply_to| GetSample { name, reply_to }).await?;
    check(echo, name, &value).await?;
    let echoed = echo.ask(|reply_to| Echo { value, reply_to }).await?;
    check(echo, name, &echoed).await
}

/// Has Python compare it with its own.
async fn check(
    echo: &EntityRef,
    name: &'static str,
    value: &impl Serialize,
) -> Result<(), Failure> {
    let difference = echo.ask(|reply_to| CheckSample {
        name,
        value,
        reply_to,
    });
    difference
        .await?
        .map_or(Ok(()), |difference: String| Err(difference.into()))
}

fn verdict(checked: usize, differences: &[String]) -> Result<Figures, Failure> {
    if differences.is_empty() {
        Ok(format!("{checked} of {checked} samples"))
    } else {
        Err(differences.join("; ").into())
    }
}

/// Checks samples as Rust types, and remembers what differed.
struct Samples {
    echo: EntityRef,
    checked: usize,
    differences: Vec<String>,
}

impl Samples {
    /// Checks that the sample as Python makes it is `built`, and that Python takes both for its
    /// sample.
    async fn are<T>(&mut self, name: &'static str, built: T)
    where
        T: Serialize + DeserializeOwned + Debug,
    {
        self.checked += 1;
        if let Err(difference) = self.compare(name, built).await {
            self.differences.push(format!("{name}: {difference}"));
        }
    }

    async fn compare<T>(&self, name: &'static str, built: T) -> Result<(), Failure>
    where
        T: Serialize + DeserializeOwned + Debug,
    {
        check(&self.echo, name, &built).await?;
        let received: T = self
            .echo
            .ask(|reply_to| GetSample { name, reply_to })
            .await?;
        // Unlike ==, the text of a NaN is that of another.
        if format!("{received:?}") != format!("{built:?}") {
            return Err(format!("{received:?} instead of {built:?}").into());
        }
        check(&self.echo, name, &received).await
    }
}

async fn as_rust_types(context: Context) -> Result<Figures, Failure> {
    let cluster = context.cluster().await?;
    let client = connect(cluster).await?;
    let echo = client.entity_ref("echo", SHARDS)?.entity("types");
    let mut samples = Samples {
        echo,
        checked: 0,
        differences: Vec::new(),
    };
    scalars_and_collections(&mut samples, context.serializer()).await?;
    classes(&mut samples).await;
    if context.serializer() == Serializer::Protobuf {
        // A message of Google's Python package, echoed by a node that knows its class.
        let message = Timestamp {
            seconds: 5,
            nanos: 6,
        };
        samples.are("message", Any(message)).await;
    }
    match context.serializer() {
        Serializer::Json => samples.are("everything", json_safe()?).await,
        Serializer::MsgPack => {
            samples
                .are("bytes", Bytes::from_static(b"\x00\xff raw"))
                .await;
            samples.are("everything", msgpack_safe()?).await;
        }
        Serializer::Pickle | Serializer::CloudPickle | Serializer::Protobuf => {
            samples
                .are("bytes", Bytes::from_static(b"\x00\xff raw"))
                .await;
            pickled(&mut samples).await?;
            samples.are("everything", everything()?).await;
        }
    }
    close(&client).await?;
    verdict(samples.checked, &samples.differences)
}

async fn scalars_and_collections(
    samples: &mut Samples,
    serializer: Serializer,
) -> Result<(), Failure> {
    samples.are("none", ()).await;
    samples.are("true", true).await;
    samples.are("int", -5).await;
    let (big, negative) = big(serializer);
    samples.are("big_int", big).await;
    samples.are("negative_big_int", negative).await;
    samples.are("float", 0.1).await;
    samples.are("nan", f64::NAN).await;
    samples.are("infinity", f64::INFINITY).await;
    samples.are("text", TEXT.to_owned()).await;
    samples
        .are("list", vec![1.into(), "two".into(), inner_list()])
        .await;
    samples.are("tuple", (1, 'a', (2, 3), 4.0)).await;
    samples.are("empty_tuple", Tuple::<u8>::default()).await;
    let none = Value::dict([("b", Value::None)]);
    let entries: [(Value, Value); 3] = [
        ("a".into(), 1.into()),
        (2.into(), Value::list([true])),
        (Value::tuple([3, 4]), none),
    ];
    samples.are("dict", Value::dict(entries)).await;
    samples.are("frozenset", FrozenSet(vec![1, 2, 3])).await;
    samples.are("ref", reference()?).await;
    Ok(())
}

async fn classes(samples: &mut Samples) {
    samples.are("enum", Color::Green).await;
    samples.are("tuple_enum", Color::Blue).await;
    samples.are("int_enum", Level::High).await;
    samples.are("flag", Perm::W).await;
    samples.are("frozen", Point { x: 1, y: 2 }).await;
    samples.are("mutable", MutablePoint { x: 3, y: 4 }).await;
    samples.are("frozen_slots", SlotPoint { x: 5, y: 6 }).await;
    samples.are("slots", MutableSlotPoint { x: 7, y: 8 }).await;
    samples.are("defaults", with_defaults()).await;
    samples.are("empty", Empty {}).await;
    samples.are("nested", Inner { v: 9 }).await;
    let second = || "two".to_owned();
    samples
        .are(
            "keywords",
            Keywords {
                first: 1,
                second: second(),
            },
        )
        .await;
    samples
        .are(
            "keyword_slots",
            KeywordSlots {
                first: 1,
                second: second(),
            },
        )
        .await;
}

async fn pickled(samples: &mut Samples) -> Result<(), Failure> {
    use casty_proto::value::{Date, DateTime, Time, TimeDelta, Uuid};
    samples.are("bytearray", ByteArray(b"arr".to_vec())).await;
    samples.are("set", Set(vec![1, 2, 3])).await;
    samples
        .are::<DateTime>("datetime", "2026-07-12T01:02:03.456789".parse()?)
        .await;
    samples
        .are::<DateTime>("datetime_utc", "2026-07-12T01:02:03+00:00".parse()?)
        .await;
    samples
        .are::<DateTime>("datetime_east", "2026-07-12T01:02:03+05:30".parse()?)
        .await;
    samples.are::<Date>("date", "2026-07-12".parse()?).await;
    samples.are::<Time>("time", "01:02:03".parse()?).await;
    let delta = TimeDelta::new(-1, 2, 3).ok_or("a duration")?;
    samples.are("timedelta", delta).await;
    samples
        .are::<Uuid>("uuid", "12345678-1234-5678-1234-567812345678".parse()?)
        .await;
    samples.are("decimal", Decimal("123.4500".into())).await;
    samples.are("complex", Complex { re: 1.0, im: 2.0 }).await;
    samples.are("computed", Computed { side: 3 }).await;
    Ok(())
}

/// Returns the largest integers that the samples have.
fn big(serializer: Serializer) -> (BigInt, BigInt) {
    let one = || num_bigint::BigInt::from(1);
    let (big, negative) = match serializer {
        Serializer::MsgPack => (one() << 63, -one() << 63),
        Serializer::Json | Serializer::Pickle | Serializer::CloudPickle | Serializer::Protobuf => {
            ((one() << 200) + 1, -one() << 100)
        }
    };
    (BigInt(big), BigInt(negative))
}

fn inner_list() -> Value {
    Value::list([Value::from(3.5), Value::None])
}

fn reference() -> Result<ActorRef<()>, Failure> {
    Ok(ActorRef::new(REF)?)
}

fn with_defaults() -> WithDefaults {
    WithDefaults {
        name: "n".to_owned(),
        retries: 3,
        tags: Tuple::default(),
        meta: [].into(),
    }
}

/// The object with all of it, and these fields behind those of [`JsonSafe`].
macro_rules! with_everything {
    ($class:ident, $serializer:expr $(, $field:ident: $value:expr)*) => {{
        let (bigint, negbig) = big($serializer);
        $class {
            none: (), yes: true, no: false, small: 7, neg: -5, i8: -128, u16: 40_000,
            i32: -2_000_000_000, i64: (1 << 62) + 1, bigint, negbig,
            f: std::f64::consts::PI, ninf: f64::NEG_INFINITY, nan: f64::NAN,
            text: TEXT.to_owned(), empty_text: String::new(),
            lst: vec![1.into(), "two".into(), inner_list()],
            tup: (1, 'a', (2, 3), 4.0), empty_tup: Tuple::default(),
            t1: (1,), t2: (1, 2), t3: [1, 2, 3], t4: Tuple(vec![1, 2, 3, 4]),
            dct: [
                ("a".to_owned(), 1.into()),
                ("b".to_owned(), Value::list([true, false])),
                ("c".to_owned(), Value::dict([("d", Value::None)])),
            ].into(),
            intkeys: [(Reverse(1), "one".to_owned()), (Reverse(-2), "two".to_owned())].into(),
            tupkeys: [((1, 2), "x".to_owned())].into(),
            fset: FrozenSet(vec!["only".to_owned()]), empty_fset: FrozenSet::default(),
            color: Color::Green, level: Level::High, perm: Perm::W,
            point: Point { x: 1, y: 2 }, mpoint: MutablePoint { x: 3, y: 4 },
            slot: SlotPoint { x: 5, y: 6 }, mslot: MutableSlotPoint { x: 7, y: 8 },
            dflt: with_defaults(), empty: Empty {}, inner: Inner { v: 9 }, actor: reference()?,
            $($field: $value),*
        }
    }};
}

fn json_safe() -> Result<JsonSafe, Failure> {
    Ok(with_everything!(JsonSafe, Serializer::Json))
}

fn msgpack_safe() -> Result<MsgpackSafe, Failure> {
    let data = Bytes::from_static(b"\x00\xff raw");
    Ok(with_everything!(MsgpackSafe, Serializer::MsgPack, data: data))
}

fn everything() -> Result<Everything, Failure> {
    let all_bytes: Vec<u8> = (0..=255).collect();
    Ok(with_everything!(
        Everything, Serializer::Pickle,
        data: Bytes::from_static(b"\x00\xff raw"),
        big_data: all_bytes.repeat(2).into(),
        barr: ByteArray(b"arr".to_vec()),
        st: Set(vec![10]),
        empty_st: Set::default(),
        when: "2026-07-12T01:02:03.456789".parse()?,
        when_utc: "2026-07-12T01:02:03+00:00".parse()?,
        day: "2026-07-12".parse()?,
        tod: "01:02:03".parse()?,
        delta: casty_proto::value::TimeDelta::new(1, 2, 3).ok_or("a duration")?,
        uid: "12345678-1234-5678-1234-567812345678".parse()?,
        dec: Decimal("123.4500".into()),
        cplx: Complex { re: 1.0, im: 2.0 },
        shared_a: vec![1, 2, 3],
        shared_b: vec![1, 2, 3]
    ))
}

/// Sends values that Python's serializers fail on at the sender, with no word to the caller.
async fn refused(context: Context) -> Result<Figures, Failure> {
    let cluster = context.cluster().await?;
    let client = connect(cluster).await?;
    let echo = client.entity_ref("echo", SHARDS)?.entity("refused");
    let largest = Value::from(u64::MAX);
    let impossible = impossible(context.serializer())?;
    for (what, value) in &impossible {
        let value = Value::list([largest.clone(), value.clone()]);
        match echo.ask(|reply_to| Echo { value, reply_to }).await {
            Err(AskError::Refused(TellError::Encode(_))) => {}
            other => return Err(format!("{what}: {other:?}").into()),
        }
    }
    // Nothing is left half written.
    let value = Value::list([largest]);
    let sent = value.clone();
    let echoed: Value = echo
        .ask(|reply_to| Echo {
            value: sent,
            reply_to,
        })
        .await?;
    close(&client).await?;
    if echoed != value {
        return Err(format!("{echoed} came back for {value}").into());
    }
    let count = impossible.len();
    Ok(format!("{count} of {count} refused, nothing of them sent"))
}

/// Values that the serializer cannot carry.
fn impossible(serializer: Serializer) -> Result<Vec<(&'static str, Value)>, Failure> {
    match serializer {
        Serializer::Pickle | Serializer::CloudPickle => {
            return Ok(vec![(
                "a class without a module",
                Value::object("Nowhere", [("x", 1)]),
            )]);
        }
        Serializer::Protobuf => {
            return Ok(vec![(
                "a member without its name",
                Value::member_of_value("counter_app.messages.Color", 1),
            )]);
        }
        Serializer::Json | Serializer::MsgPack => {}
    }
    Ok(vec![
        match serializer {
            Serializer::MsgPack => ("2^64", BigInt(num_bigint::BigInt::from(1) << 64).into()),
            _ => ("bytes", Value::bytes(*b"raw")),
        },
        ("a set", Value::set([1])),
        ("a bytearray", ByteArray(vec![1]).into()),
        ("a Decimal", Decimal("1.5".into()).into()),
        ("a complex", Complex { re: 0.0, im: 1.0 }.into()),
        ("a date", Value::Date("2026-07-12".parse()?)),
    ])
}
