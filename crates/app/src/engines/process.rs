//! Start of an engine that is a program of others.
//!
//! Invariants: it is ready when each of its models has answered, has as many slots as planned by what
//! it does, and its memory is known; if any of that fails, nothing of it is left running.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use harmonic_engine::{Engine, EngineError, Identity};
use harmonic_engine_http::{Endpoint, overlap, preload};
use harmonic_guard::{ChildEnd, ChildSpec, GuardCommand, GuardedChild, free_port};
use harmonic_programs::{
    Launch, Place, ProgramError, Version, abilities, find, launch, ollama, tested, version,
};
use harmonic_types::{
    AgentPlan, Bytes, EnginePlan, EngineProgram, EngineSpec, Plan, ProcessSpec, RemoteDialect,
    counted,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

use super::http_config::{self, Behind};
use super::private_folder::PrivateFolder;
use super::process_engine::ProcessEngine;
use super::{PlanEngineFactory, in_process, ollama_models};
use crate::inspect;

/// Address that programs listen on.
const HOST: &str = "127.0.0.1";

/// Time for a program to answer at all, and then for the first token of each model: weights come
/// from a slow disk, or are compiled for.
const READY_TIMEOUT: Duration = Duration::from_mins(10);

/// Time for the probe of its slots.
const OVERLAP_TIMEOUT: Duration = Duration::from_mins(5);

/// Interval at which a program that starts is asked whether it is ready.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Time for one of these questions.
const POLL_TIMEOUT: Duration = Duration::from_secs(5);

/// Starts, if another program takes the port each time.
const PORT_ATTEMPTS: usize = 4;

/// Beginning of the variables of this program.
const OWN_VARIABLES: &str = "HARMONIC_";

/// What a program writes when its port is taken.
const PORT_TAKEN: [&str; 2] = ["address already in use", "couldn't bind"];

/// Starts `engine` of `plan` as `process` says.
pub(super) async fn start(
    factory: &PlanEngineFactory,
    plan: &Plan,
    engine: &EnginePlan,
    process: &ProcessSpec,
) -> Result<Arc<dyn Engine>, EngineError> {
    let start = ProgramStart::new(factory, plan, engine, process)?;
    let (child, endpoint, folder) = start.running().await?;
    let child = Arc::new(child);
    let names = start.models();
    let ready = async {
        preload(&endpoint, &names, READY_TIMEOUT).await?;
        start.check_slots(&endpoint, &names).await
    };
    tokio::select! {
        ready = ready => ready?,
        end = child.ended() => return Err(start.failed(end.to_string())),
    }
    let behind = Behind {
        endpoint,
        identity: Identity {
            build: Some(format!("{}/{}", process.program, start.version)),
            ..Identity::of(engine)
        },
        capabilities: super::abilities::of_program(abilities(process.program)),
        max_in_flight: plan.max_in_flight,
        queue_limit: factory.queue_limit,
        events: factory.events.clone(),
    };
    let config = http_config::of(plan, engine, behind, |agent| start.model_of(agent));
    let http = harmonic_engine_http::spawn(config, &Handle::current())?;
    let resident = child.resident_bytes();
    Ok(Arc::new(ProcessEngine::new(http, child, resident, folder)))
}

/// One start of a program.
struct ProgramStart<'a> {
    factory: &'a PlanEngineFactory,
    plan: &'a Plan,
    engine: &'a EnginePlan,
    process: &'a ProcessSpec,
    guard: GuardCommand,
    executable: PathBuf,
    version: Version,
}

impl<'a> ProgramStart<'a> {
    /// Finds the program, and warns of a version that was not tested.
    fn new(
        factory: &'a PlanEngineFactory,
        plan: &'a Plan,
        engine: &'a EnginePlan,
        process: &'a ProcessSpec,
    ) -> Result<Self, EngineError> {
        let of_program = |error: ProgramError| program_error(engine, &error);
        let processes = &factory.processes;
        let program = process.program;
        let guard = processes.guard.clone().ok_or_else(|| EngineError::Setup {
            id: engine.id.clone(),
            reason: "the path of this program is unknown, which guards it".to_owned(),
        })?;
        let executable =
            find(program, process.executable.as_deref(), &processes.path).map_err(of_program)?;
        let version = version(program, &executable).map_err(of_program)?;
        if let Err(finding) = tested(program, &version) {
            factory.warn(finding);
        }
        Ok(Self { factory, plan, engine, process, guard, executable, version })
    }

    fn failed(&self, reason: String) -> EngineError {
        EngineError::Setup { id: self.engine.id.clone(), reason }
    }

    fn agents(&self) -> impl Iterator<Item = &'a AgentPlan> {
        http_config::agents(self.plan, self.engine)
    }

    /// What the program calls the model of an agent: agents are models of their own in Ollama.
    fn model_of(&self, agent: &AgentPlan) -> String {
        match self.process.program {
            EngineProgram::Ollama => agent.name.0.clone(),
            EngineProgram::LlamaServer | EngineProgram::Vllm => self.engine.id.clone(),
        }
    }

    /// Its models, each once.
    fn models(&self) -> Vec<String> {
        let mut names: Vec<String> = self.agents().map(|agent| self.model_of(agent)).collect();
        names.dedup();
        names
    }

    /// Starts the program, and waits until it answers. Its folder has its models then.
    async fn running(&self) -> Result<(GuardedChild, Endpoint, PrivateFolder), EngineError> {
        self.check_architecture()?;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let root = &self.factory.processes.folder;
            let folder = PrivateFolder::new(root, &self.engine.id)
                .map_err(|error| self.failed(format!("no folder of its own: {error}")))?;
            let port =
                free_port().map_err(|error| self.failed(format!("no free port: {error}")))?;
            let child = self.child(port, &folder)?;
            match self.answering(&child, port).await? {
                Some(end) if attempts < PORT_ATTEMPTS && is_port_taken(&end) => {}
                Some(end) => return Err(self.failed(end.to_string())),
                None => {
                    self.register(&folder)?;
                    return Ok((child, self.endpoint(port), folder));
                }
            }
        }
    }

    /// Refuses a model for which Ollama has one slot, whatever it is told.
    fn check_architecture(&self) -> Result<(), EngineError> {
        if self.process.program != EngineProgram::Ollama {
            return Ok(());
        }
        let version = &self.version;
        if !ollama::reads_chat_template(version) {
            let reason = format!(
                "Ollama {version} does not read the chat template in a model's file: install 0.32 \
                 or later, or use --engine llama"
            );
            return Err(self.failed(reason));
        }
        let shape = in_process::shape(self.engine)?;
        match ollama::one_slot(&shape.architecture, shape.pooling.is_some(), version) {
            Some(why) if self.engine.sequences > 1 => {
                let planned = self.engine.sequences;
                let reason = format!("{why}, and {planned} are planned: use --engine llama for it");
                Err(self.failed(reason))
            }
            _ => Ok(()),
        }
    }

    fn child(&self, port: u16, folder: &PrivateFolder) -> Result<GuardedChild, EngineError> {
        let place = Place {
            host: HOST.to_owned(),
            port,
            folder: folder.path().to_owned(),
            profile_paper: false,
            device_memory: device_memory(&self.engine.device),
        };
        let mut launch = launch(self.engine, self.process, &place)
            .map_err(|error| program_error(self.engine, &error))?;
        let inherited = self.factory.processes.environment.keys();
        launch.withhold(self.process.program, inherited.map(String::as_str));
        let Launch { arguments, environment, mut remove } = launch;
        remove.extend(self.secrets());
        let child = ChildSpec {
            name: self.engine.id.clone(),
            executable: self.executable.clone(),
            arguments,
            environment,
            remove,
            folder: folder.path().to_owned(),
        };
        GuardedChild::start(&self.guard, child).map_err(|error| self.failed(error.to_string()))
    }

    /// Variables of this program that no program of others needs: its own, and the keys of servers.
    fn secrets(&self) -> impl Iterator<Item = String> {
        let own = self.factory.processes.environment.keys();
        let own = own.filter(|name| name.starts_with(OWN_VARIABLES)).cloned();
        let keys = self.plan.engines.iter().filter_map(|engine| match &engine.spec {
            EngineSpec::Remote(remote) => remote.key_env.clone(),
            _ => None,
        });
        own.chain(keys)
    }

    /// Waits until the program answers; its end, if that comes first.
    async fn answering(
        &self,
        child: &GuardedChild,
        port: u16,
    ) -> Result<Option<ChildEnd>, EngineError> {
        let path = match self.process.program {
            EngineProgram::Ollama => "/api/version",
            EngineProgram::LlamaServer | EngineProgram::Vllm => "/health",
        };
        let answered = async {
            while !answers_ok(port, path).await {
                sleep(POLL_INTERVAL).await;
            }
        };
        tokio::select! {
            // First: another program may answer on the port that this one did not get.
            biased;
            end = child.ended() => Ok(Some(end)),
            answered = timeout(READY_TIMEOUT, answered) => answered.map(|()| None).map_err(|_| {
                let minutes = READY_TIMEOUT.as_secs() / 60;
                let lines = child.last_lines().join("\n");
                self.failed(format!("no answer within {minutes} minutes:\n{lines}"))
            }),
        }
    }

    /// Puts the agents into the store of the Ollama that works in `folder`.
    fn register(&self, folder: &PrivateFolder) -> Result<(), EngineError> {
        if self.process.program != EngineProgram::Ollama {
            return Ok(());
        }
        let shape = in_process::shape(self.engine)?;
        let (agents, path) = (self.agents(), folder.path());
        ollama_models::register_agents(agents, self.engine, self.process, &shape, path)
            .map_err(|error| program_error(self.engine, &error))
    }

    fn endpoint(&self, port: u16) -> Endpoint {
        let program = self.process.program;
        Endpoint {
            url: format!("http://{HOST}:{port}"),
            dialect: match program {
                EngineProgram::Ollama => RemoteDialect::Ollama,
                EngineProgram::LlamaServer | EngineProgram::Vllm => RemoteDialect::OpenAi,
            },
            key: None,
            sends_system: !abilities(program).holds_system_prompt,
        }
    }

    /// Asks for one stream more than there are slots: as many as there are slots must run at once.
    async fn check_slots(&self, endpoint: &Endpoint, names: &[String]) -> Result<(), EngineError> {
        let Some(name) = names.first() else { return Ok(()) };
        let planned = self.engine.sequences;
        let found = overlap(endpoint, name, planned, OVERLAP_TIMEOUT).await?;
        if found == planned {
            return Ok(());
        }
        let program = self.process.program;
        Err(self.failed(format!(
            "{program} {} runs {} at once, and {planned} are planned: plan with the \
             slots that it has (--slots AGENT=N), or use --engine llama",
            self.version,
            counted(found, "request")
        )))
    }
}

fn program_error(engine: &EnginePlan, error: &ProgramError) -> EngineError {
    let hint = error.hint().map(|hint| format!(": {hint}")).unwrap_or_default();
    EngineError::Setup { id: engine.id.clone(), reason: format!("{error}{hint}") }
}

fn is_port_taken(end: &ChildEnd) -> bool {
    end.last_lines.iter().any(|line| PORT_TAKEN.iter().any(|words| line.contains(words)))
}

/// Memory of the device `id`: its own, else the machine's; `None` if it is not known.
fn device_memory(id: &str) -> Option<Bytes> {
    let hardware = inspect::hardware().ok()?;
    let device = hardware.devices.iter().find(|device| device.id == id)?;
    Some(device.memory_bytes.unwrap_or(hardware.memory_total_bytes))
}

/// Whether `GET path` has the status 200 on `port` of this machine.
async fn answers_ok(port: u16, path: &str) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect((HOST, port)).await?;
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {HOST}:{port}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut status = [0; "HTTP/1.1 200".len()];
        stream.read_exact(&mut status).await?;
        io::Result::Ok(status.ends_with(b" 200"))
    };
    matches!(timeout(POLL_TIMEOUT, ask).await, Ok(Ok(true)))
}
