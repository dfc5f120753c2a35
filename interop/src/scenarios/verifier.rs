//! The verifier itself: it must see a difference where there is one.

use crate::scenario::{Context, Failure, Figures, Scenario};
use crate::serializer::Serializer;
use crate::verify::{Case, Expected, differences};
use crate::version::Feature;

pub(super) const SCENARIOS: &[Scenario] =
    &[
        Scenario::new("python_tells_equal_from_different", 60, |context| {
            Box::pin(tell_apart(context))
        })
        .needs(&[Feature::Serializers]),
    ];

async fn tell_apart(context: Context) -> Result<Figures, Failure> {
    let serializer = context.serializer();
    let seven = seven(serializer).to_vec();
    let case = |name: &str, bytes: &[u8], expected| Case {
        name: name.to_owned(),
        serializer,
        bytes: bytes.to_vec(),
        expected,
    };
    let equal = [
        case("expression", &seven, Expected::Python("3 + 4".to_owned())),
        case("recorded", &seven, Expected::SameAs(seven.clone())),
    ];
    let different = [
        case("number", &seven, Expected::Python("8".to_owned())),
        case("type", &seven, Expected::Python("7.0".to_owned())),
        case("sample", &seven, Expected::Sample("int".to_owned())),
        case("unreadable", b"\xc1", Expected::SameAs(seven.clone())),
    ];
    let found = differences(context.python(), &equal).await?;
    if !found.is_empty() {
        return Err(format!("differences between equals: {found:?}").into());
    }
    let found = differences(context.python(), &different).await?;
    if found.len() != different.len() {
        return Err(format!("only these differences were seen: {found:?}").into());
    }
    Ok(format!("{} equal, {} different", equal.len(), found.len()))
}

/// Returns the number 7 as Python writes it.
fn seven(serializer: Serializer) -> &'static [u8] {
    match serializer {
        Serializer::Pickle | Serializer::CloudPickle => b"\x80\x05K\x07.",
        Serializer::Json => b"7",
        Serializer::MsgPack => b"\x07",
        Serializer::Protobuf => b"\x18\x0e",
    }
}
