//! `harmonic bench`.

use harmonic_bench::{Against, BenchConfig, against};
use harmonic_render as render;
use harmonic_types::BenchRun;
use serde_json::json;

use crate::cli::{Bench, Protocol};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::measure::session::Session;
use crate::measure::{ground, keep, protocol};
use crate::printer::Printer;
use crate::settings::Settings;
use crate::stop::Stop;
use crate::sweep::Sweep;
use crate::tuning;

pub async fn run(
    args: &Bench,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    if !args.compare.axes().is_empty() {
        return compare(args, settings, printer, stop).await;
    }
    if !args.rate.is_empty() && args.protocol != Protocol::Open {
        let hint = "add --protocol open, or ask for streams with --levels";
        return Err(Failure::new("--rate is of an open loop alone", hint).into());
    }
    let session = stop.or(Box::pin(Session::open(args, settings, printer, stop))).await??;
    if args.save
        && let Err(refused) = session.keepable()
    {
        session.close().await?;
        return Err(refused.into());
    }
    let measured = match &args.against {
        None => alone(args, &session, settings, printer, stop).await,
        Some(url) => both(args, &session, url, settings, printer, stop).await,
    };
    session.close().await?;
    let whole = measured?;
    Ok(if whole && !stop.is_asked() { Exit::Ok } else { Exit::Failure })
}

/// Measures the session's server; whether anything was.
async fn alone(
    args: &Bench,
    session: &Session,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<bool> {
    let ground = ground::of(&session.client, session.on);
    let config = protocol::config(args, session, &ground, settings, printer);
    let config = stop.or(config).await??;
    // The probe is behind us: the run begins now.
    let config = BenchConfig { began_unix_ms: ground::now_unix_ms(), ..config };
    let target = session.target();
    let sweep = Sweep::on(printer);
    let token = stop.token();
    let run = harmonic_bench::run(&target, &config, &ground.instruments, &sweep, token).await?;
    drop(sweep);
    if args.json {
        printer.json(&run)?;
    } else {
        printer.data(&render::bench::report(&run, printer.width()))?;
        run.warnings.iter().for_each(|warning| printer.finding(warning));
    }
    store(args, &run, settings, printer)?;
    Ok(has_figures(&run))
}

/// Writes the folder, and the curve where that is asked for.
fn store(
    args: &Bench,
    run: &BenchRun,
    settings: &Settings,
    printer: &Printer,
) -> anyhow::Result<()> {
    if !args.no_out {
        let began = run.began_unix_ms.unwrap_or_default();
        let folder = args.out.clone().unwrap_or_else(|| keep::new_folder(settings, began));
        keep::folder(run, &folder)?;
        printer.say(&format!("kept in {}: open report.html there", folder.display()));
    }
    if args.save {
        for path in keep::curves(run, settings)? {
            printer.say(&format!("the next plan uses the curve {}", path.display()));
        }
    }
    Ok(())
}

/// Measures the session's server and another in turns.
async fn both(
    args: &Bench,
    session: &Session,
    url: &str,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<bool> {
    let other = stop.or(Session::at(settings.client(url)?, args, settings)).await??;
    for one in [session, &other] {
        if one.asked.len() != 1 {
            let what = format!("{} serves {} models", one.client.base_url(), one.asked.len());
            return Err(Failure::new(what, "name the agents of one with --agent").into());
        }
    }
    let ground = ground::of(&session.client, session.on);
    let began_unix_ms = ground::now_unix_ms();
    let config = async |session| {
        let config = stop.or(protocol::config(args, session, &ground, settings, printer)).await??;
        anyhow::Ok(BenchConfig { began_unix_ms, ..config })
    };
    let (first, second) = (config(session).await?, config(&other).await?);
    let targets = [session.target(), other.target()];
    let sweep = Sweep::on(printer);
    let Against { first, second, ratios } = against(
        (&targets[0], &first),
        (&targets[1], &second),
        &ground.instruments,
        &sweep,
        stop.token(),
    )
    .await?;
    drop(sweep);
    if args.json {
        let ratios: Vec<_> = ratios
            .iter()
            .map(|level| json!({"parallel": level.parallel, "ratio": level.ratio, "pairs": level.pairs}))
            .collect();
        let schema = "harmonic.against/1";
        printer
            .json(&json!({"schema": schema, "first": first, "second": second, "ratios": ratios}))?;
    } else {
        printer.data(&render::against::text(&first, &second, &ratios))?;
        let warnings = first.warnings.iter().chain(&second.warnings);
        warnings.for_each(|warning| printer.finding(warning));
    }
    if let Some(folder) = args.out.as_ref().filter(|_| !args.no_out) {
        keep::folder(&first, &folder.join("first"))?;
        keep::folder(&second, &folder.join("second"))?;
        printer.say(&format!("kept in {}: first and second", folder.display()));
    }
    Ok(has_figures(&first) && has_figures(&second))
}

fn has_figures(run: &BenchRun) -> bool {
    run.series.iter().flat_map(|series| &series.levels).any(|level| level.tok_s.is_some())
}

/// Compares settings and keeps the fastest.
async fn compare(
    args: &Bench,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    let configs = tuning::compare(args, settings, printer, stop).await?;
    if args.json {
        printer.json(&json!({"schema": "harmonic.setups/1", "setups": configs}))?;
    } else {
        printer.data(&render::tuned::text(&configs, &args.compare.axes()))?;
    }
    Ok(Exit::Ok)
}
