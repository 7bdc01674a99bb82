//! Two agents with a context of 32,768 tokens, on the starter model: its file is copied, and says in
//! the copy that it was trained for as many.

use std::fs;

use crate::harness::{Server, User, binary, ran};

/// A context that Claude Code's prompt and Codex's fit into.
const CONTEXT: u32 = 32_768;
/// A machine on which the plan is two sequences or a few more: the tests ask one after another.
const MEMORY: &str = "memory=5GB";
const KEY: &str = "llama.context_length";
/// GGUF's number for a value of 32 bits.
const UINT32: u32 = 4;

pub struct Team {
    server: Server,
    _user: User,
}

impl Team {
    #[track_caller]
    pub fn start() -> Self {
        let user = User::new();
        user.file("long.gguf", long_model());
        let pulled = user.run(["models", "pull", "./long.gguf"]);
        assert_eq!(pulled.code, Some(0), "{pulled:?}");
        let agent = |name: &str, system: &str, context: u32| {
            format!(
                "[[agents]]\nname = \"{name}\"\ntier = 3\nmodel = \"./long.gguf\"\n\
                 context = {context}\nrole = \"tests\"\nsystem = \"{system}\"\n\
                 [agents.sampling]\ntemperature = 0.0\n"
            )
        };
        let stack = format!(
            "name = \"clients\"\n{}{}",
            agent("coder", "You write code.", CONTEXT),
            agent("analyst", "You read.", 2048)
        );
        user.file("clients.toml", stack);
        let plan = ["plan", "--stack", "clients.toml", "--what-if", MEMORY, "--json"];
        let plan = ran(&mut user.harmonic(plan));
        assert_eq!(plan.code, Some(0), "{plan:?}");
        user.file("plan.json", plan.out);
        let server = Server::start(&mut user.harmonic(["up", "--plan", "plan.json"]));
        Self { server, _user: user }
    }

    pub fn url(&self) -> &str {
        &self.server.url
    }

    /// The server has nothing left to do, and goes when it is told to.
    #[track_caller]
    pub fn ends_well(self) {
        self.server.signal("TERM");
        let ended = self.server.end();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(!ended.err.contains("panicked"), "{ended:?}");
    }
}

/// The starter model, which `make test-real` has pulled into the user's own store.
fn long_model() -> Vec<u8> {
    let shown = ran(&mut binary(["models", "show", "smollm2:135m", "--json"]));
    let mut model = fs::read(shown.json()["path"].as_str().unwrap()).unwrap();
    let key = [&(KEY.len() as u64).to_le_bytes(), KEY.as_bytes(), &UINT32.to_le_bytes()].concat();
    let place = model.windows(key.len()).position(|window| window == key).unwrap() + key.len();
    model[place..place + 4].copy_from_slice(&CONTEXT.to_le_bytes());
    model
}
