//! Common setup of both servers, and the pair of running servers.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use harmonic_types::KvLayout;

use crate::arrivals::Arrivals;
use crate::llama_server::{self, Peer};
use crate::load::{Answer, Ask, wave};
use crate::ours;
use crate::sample::{Sample, measure};
use crate::server::Server;
use crate::team::Team;

/// Sequences per server, whatever the number in flight.
pub const SEQUENCES: u32 = 32;

/// Common setup.
#[derive(Clone, Debug)]
pub struct Setup {
    /// GGUF file.
    pub model: PathBuf,
    pub team: Team,
    /// Compute threads.
    pub threads: u32,
    pub sequences: u32,
    /// Context per sequence, in tokens.
    pub context: u32,
    /// Whether the model has no chat template; then both get the messages as plain text.
    pub plain_text: bool,
}

/// Both servers, loaded and idle. An idle server uses no CPU (shown by `Sample::idle_cpu`), so
/// trials can alternate without reloading the model.
pub struct Pair {
    pub ours: Server,
    pub peer: Server,
    /// Layout of the KV cache in harmonic's plan.
    pub layout: KvLayout,
}

impl Pair {
    /// Starts both servers.
    pub async fn start(setup: &Setup, peer: &Peer, folder: &Path) -> anyhow::Result<Self> {
        let (ours, layout) = ours::start(setup, folder).await?;
        let peer = llama_server::start(setup, peer, folder).await?;
        let pair = Self { ours, peer, layout };
        pair.check_prompts().await?;
        Ok(pair)
    }

    /// Fails if the same question yields different prompts on the two servers.
    async fn check_prompts(&self) -> anyhow::Result<()> {
        let user = "Are you there?".to_owned();
        let ask = [Ask { agent: 0, user, output: 1 }];
        let tokens = |answers: Vec<Answer>| answers.first().map(|a| a.usage.prompt_tokens);
        let ours = tokens(wave(&self.ours, &ask).await?);
        let peer = tokens(wave(&self.peer, &ask).await?);
        ensure!(ours == peer, "one prompt has {ours:?} tokens to us and {peer:?} to the peer");
        Ok(())
    }

    /// One trial per server with loads of the same kind: harmonic, llama-server.
    pub async fn measure(
        &self,
        ours_first: bool,
        load: impl Fn() -> Arrivals,
    ) -> anyhow::Result<(Sample, Sample)> {
        let ours = || measure(&self.ours, Some(&self.peer), load());
        let peer = || measure(&self.peer, Some(&self.ours), load());
        if ours_first {
            Ok((ours().await?, peer().await?))
        } else {
            let theirs = peer().await?;
            Ok((ours().await?, theirs))
        }
    }

    /// Stops both servers.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.ours.stop().await?;
        self.peer.stop().await
    }
}
