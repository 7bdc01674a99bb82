//! Two agents, served by the binary under test: `analyst` on the starter model, and `coder` with a
//! context of 32,768 tokens on the reduced model.

use crate::harness::{Server, User, ran};
use crate::model::{CONTEXT, long, starter};

/// Machine for which the plan has only a few sequences: the tests send one request at a time.
const MEMORY: &str = "memory=5GB";

pub struct Team {
    server: Server,
    _user: User,
}

impl Team {
    #[track_caller]
    pub fn start() -> Self {
        let user = User::new();
        let models = [("long", long(&starter())), ("small", starter())];
        for (name, model) in models {
            user.file(&format!("{name}.gguf"), model);
            let pulled = user.run(["models", "pull", &format!("./{name}.gguf")]);
            assert_eq!(pulled.code, Some(0), "{pulled:?}");
        }
        let agent = |name: &str, model: &str, system: &str, context: u32, temperature: f32| {
            format!(
                "[[agents]]\nname = \"{name}\"\ntier = 3\nmodel = \"./{model}.gguf\"\n\
                 context = {context}\nrole = \"tests\"\nsystem = \"{system}\"\n\
                 [agents.sampling]\ntemperature = {temperature:?}\n"
            )
        };
        let stack = format!(
            "name = \"clients\"\n{}{}",
            agent("coder", "long", "You write code.", CONTEXT, 1.0),
            agent("analyst", "small", "You read.", 4096, 0.0)
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

    /// Asserts that the server is idle and stops on request.
    #[track_caller]
    pub fn ends_well(self) {
        self.server.signal("TERM");
        let ended = self.server.end();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(!ended.err.contains("panicked"), "{ended:?}");
    }
}
