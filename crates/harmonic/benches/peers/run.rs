//! State of one run, shared by all scenarios.

use std::path::{Path, PathBuf};

use anyhow::Context;
use etcetera::BaseStrategy;
use harmonic_models::{Store, default_root};
use harmonic_types::KvLayout;

use crate::arguments::Arguments;
use crate::arrivals::Arrivals;
use crate::llama_server::{self, Peer};
use crate::load::Ask;
use crate::sample::{Sample, measure};
use crate::server::Server;
use crate::setup::Setup;
use crate::words::Words;

/// State shared by all scenarios.
#[derive(Debug)]
pub struct Run {
    pub arguments: Arguments,
    pub words: Words,
    /// Directory for logs, plans and stores of the run.
    pub folder: PathBuf,
    pub llama_server: PathBuf,
}

impl Run {
    /// Below the build directory.
    pub fn new(arguments: Arguments) -> anyhow::Result<Self> {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
        let folder = target.context("the build folder has a parent")?.join("peers");
        std::fs::create_dir_all(&folder)?;
        let llama_server = match &arguments.llama_server {
            Some(program) => program.clone(),
            None => folder.join("llama-server"),
        };
        let remedy = "run scripts/peers.sh, or name one with PEER_LLAMA_SERVER";
        let llama_server = llama_server
            .canonicalize()
            .with_context(|| format!("there is no {}: {remedy}", llama_server.display()))?;
        Ok(Self { arguments, words: Words::default(), folder, llama_server })
    }

    /// Model file: the given one, else the stored model `name`.
    pub fn model(&self, named: Option<&PathBuf>, name: &str) -> anyhow::Result<PathBuf> {
        if let Some(path) = named {
            return path.canonicalize().with_context(|| format!("no file {}", path.display()));
        }
        let root = match &self.arguments.models {
            Some(root) => root.clone(),
            None => default_root(&etcetera::choose_base_strategy()?.data_dir()),
        };
        let found = Store::new(root).find(name)?;
        let found = found.with_context(|| format!("fetch it: `harmonic models pull {name}`"))?;
        Ok(found.path.canonicalize()?)
    }

    /// Common setup of both servers.
    pub fn setup(&self, model: PathBuf, team: crate::team::Team, context: u32) -> Setup {
        Setup {
            model,
            team,
            threads: self.arguments.threads,
            sequences: crate::setup::SEQUENCES,
            context,
            plain_text: false,
        }
    }

    /// llama-server with this layout and harmonic's threads.
    pub fn peer(&self, layout: KvLayout) -> Peer {
        Peer { program: self.llama_server.clone(), layout, threads_given: true }
    }

    /// The better llama-server configuration by `probe`, and a note on all.
    pub async fn better_peer(
        &self,
        setup: &Setup,
        better: Better,
        probe: impl AsyncFn(&Server) -> anyhow::Result<f64>,
    ) -> anyhow::Result<(Peer, Vec<String>)> {
        if let Some(layout) = self.arguments.peer_layout {
            return Ok((self.peer(layout.into()), Vec::new()));
        }
        if self.arguments.quick {
            return Ok((self.peer(KvLayout::Streams), Vec::new()));
        }
        let [streams, unified] = [KvLayout::Streams, KvLayout::Unified].map(|it| self.peer(it));
        let of_streams = self.probe(setup, &streams, &probe).await?;
        let of_unified = self.probe(setup, &unified, &probe).await?;
        let is_unified = match better {
            Better::HigherTokS => of_unified > of_streams,
            Better::LowerGapMs => of_unified < of_streams,
        };
        let best = if is_unified { unified } else { streams };
        let own_threads = Peer { threads_given: false, ..best.clone() };
        let of_own = self.probe(setup, &own_threads, &probe).await?;
        let figure = match better {
            Better::HigherTokS => "output tok/s",
            Better::LowerGapMs => "ms of worst gap",
        };
        let note = format!(
            "The peer's layout was chosen by one trial each: {of_streams:.0} {figure} with streams, \
             {of_unified:.0} unified; {of_own:.0} with the better one and the peer's own choice of \
             threads.",
        );
        Ok((best, vec![note]))
    }

    async fn probe(
        &self,
        setup: &Setup,
        peer: &Peer,
        probe: impl AsyncFn(&Server) -> anyhow::Result<f64>,
    ) -> anyhow::Result<f64> {
        let server = llama_server::start(setup, peer, &self.folder).await?;
        warm_up(&server, &self.words).await?;
        let seen = probe(&server).await?;
        say(&format!("peer with {}: {seen:.1}", peer.flags(setup).join(" ")));
        server.stop().await?;
        Ok(seen)
    }
}

/// Criterion for the better of two configurations.
#[derive(Clone, Copy, Debug)]
pub enum Better {
    HigherTokS,
    LowerGapMs,
}

/// One short request per agent, which loads weights and caches system prompts.
pub async fn warm_up(server: &Server, words: &Words) -> anyhow::Result<()> {
    let ask = |agent| Ask { agent, user: words.fresh(16), output: 16 };
    let asks: Vec<Ask> = (0..server.agents()).map(ask).collect();
    measure(server, None, Arrivals::Waves(vec![asks])).await.map(drop)
}

/// Whether harmonic is first in the pair: A B B A.
pub fn ours_first(trial: u32) -> bool {
    trial.is_multiple_of(2)
}

/// Name of the layout in the tables.
pub fn name_of(layout: KvLayout) -> &'static str {
    match layout {
        KvLayout::Streams => "streams",
        KvLayout::Unified => "unified",
    }
}

/// Prompt statistics of both servers, and other load on the machine.
pub fn conditions(
    setup: &Setup,
    peer: &Peer,
    layout: KvLayout,
    pairs: &[(Sample, Sample)],
) -> Vec<String> {
    let mean = |figure: &dyn Fn(&(Sample, Sample)) -> f64| {
        pairs.iter().map(figure).sum::<f64>() / pairs.len().max(1) as f64
    };
    vec![
        format!(
            "Tokens of a prompt: {:.1} ({:.1} from the cache) ours, {:.1} ({:.1}) the peer.",
            mean(&|pair| pair.0.prompt_tokens),
            mean(&|pair| pair.0.cached_tokens),
            mean(&|pair| pair.1.prompt_tokens),
            mean(&|pair| pair.1.cached_tokens),
        ),
        format!(
            "Ours: layout {}, {} sequences of {} tokens, {} threads. Peer: `{}`.",
            name_of(layout),
            setup.sequences,
            setup.context,
            setup.threads,
            peer.flags(setup).join(" ")
        ),
        format!(
            "Cores used beside the server under load: client {:.3} with ours, {:.3} with the peer; \
             the idle server {:.3}.",
            mean(&|pair| pair.0.client_cpu),
            mean(&|pair| pair.1.client_cpu),
            mean(&|pair| f64::midpoint(pair.0.idle_cpu, pair.1.idle_cpu)),
        ),
    ]
}

/// Progress message.
pub fn say(text: &str) {
    eprintln!("{text}");
}
