//! `harmonic keys`.

use harmonic_app::Settings;
use harmonic_app::keyring::{KeyEntry, KeyGrants, Keyring};
use harmonic_render::{self as render, Printer};
use serde_json::{Value, json};

use crate::exit::Exit;
use harmonic_cli::Keys;

pub fn run(args: Keys, settings: &Settings, printer: &Printer) -> anyhow::Result<Exit> {
    let mut ring = Keyring::open(&settings.keys)?;
    match args {
        Keys::Add { name, per_minute, approve_commands, json } => {
            let may_approve_commands = approve_commands;
            let key = ring.add(&name, KeyGrants { per_minute, may_approve_commands })?;
            if json {
                printer.json(&json!({
                    "name": name,
                    "key": key,
                    "per_minute": per_minute,
                    "approves_commands": may_approve_commands,
                }))?;
            } else {
                printer.message("this key is shown only once and not stored:");
                printer.data(&key)?;
                printer.message(
                    "from the next `harmonic up` on, every request needs a key; harmonic's own commands \
                     send the key in $HARMONIC_API_KEY",
                );
            }
        }
        Keys::List { json } => {
            if json {
                let keys: Vec<_> = ring.entries().iter().map(document).collect();
                printer.json(&json!({"schema": "harmonic.keys/1", "keys": keys}))?;
            } else if ring.entries().is_empty() {
                printer.message("no keys; `harmonic keys add NAME` creates one");
            } else {
                printer.text(&render::keys::text(ring.entries(), printer.width()))?;
            }
        }
        Keys::Rm { name, json } => {
            ring.remove(&name)?;
            if json {
                printer.json(&json!({"removed": name}))?;
            } else {
                printer.text(&format!("removed {name}"))?;
                printer.message("running teams refuse it from now on");
            }
        }
    }
    Ok(Exit::Ok)
}

fn document(key: &KeyEntry) -> Value {
    json!({
        "name": key.name,
        "per_minute": key.per_minute,
        "approves_commands": key.may_approve_commands,
    })
}
