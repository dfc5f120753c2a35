//! Measures what it costs that all members refuse, and prints the table, or JSON.

use std::process::ExitCode;
use std::time::Duration;

use casty_benches::Failure;
use casty_benches::dials::{CLIENT, Cost, ENGINE, Refused, client, engine, floor};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag| args.iter().any(|arg| arg == flag);
    let span = Duration::from_secs(if has("--quick") { 5 } else { 30 });
    let printed = run(span).and_then(|measured| {
        if has("--json") {
            println!("{}", serde_json::to_string(&measured)?);
        } else {
            print(&measured);
        }
        Ok(())
    });
    match printed {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("casty-bench-dials: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(span: Duration) -> Result<Vec<Refused>, Failure> {
    let mut all = Vec::new();
    let mut dials = 400.0;
    for (members, most) in [(10_000, 0.3), (1_000, 0.03)] {
        let measured = engine(members, span);
        dials = measured.dials;
        all.push(refused(members, ENGINE, measured, most));
    }
    // A client connects no more than 1,024 members.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build()?;
    let measured = runtime.block_on(client(1_000, span))?;
    all.push(refused(1_000, CLIENT, measured, 0.03));
    let measured = runtime.block_on(floor(1_000, dials, span));
    let what = "the same dials alone, one by one";
    all.push(refused(1_000, what, measured, 0.03));
    Ok(all)
}

fn refused(members: u16, what: &str, Cost { dials, core }: Cost, most: f64) -> Refused {
    Refused {
        members,
        what: what.to_owned(),
        dials: (!dials.is_nan()).then_some(dials),
        core,
        most,
    }
}

fn print(measured: &[Refused]) {
    println!("| members that refuse | what | dials/s | % of a core | at most |");
    println!("|---|---|---|---|---|");
    for refused in measured {
        let Refused { members, what, .. } = refused;
        let dials = refused.dials.map(|dials| format!("{dials:.0}"));
        let dials = dials.unwrap_or_default();
        let (core, most) = (refused.core * 100.0, refused.most * 100.0);
        println!("| {members} | {what} | {dials} | {core:.2} | {most:.0} |");
    }
}
