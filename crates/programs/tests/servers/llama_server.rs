//! A real llama-server with the flags of a plan, and what it states of itself.

use std::process::Child;
use std::thread;
use std::time::Duration;

use harmonic_programs::llama_server::{judge, parse_metrics, parse_props, parse_slots};
use harmonic_programs::{InForce, launch, tested, version};
use harmonic_types::EngineProgram;

use crate::http::request;
use crate::peer;
use crate::server::{CONTEXT, engine, free_port, place, process, spawn};

/// Ends its process when it goes out of scope.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "needs a llama-server that `make test-real` installs"]
fn a_real_llama_server_has_the_slots_and_contexts_of_the_plan() {
    let subject = peer("PEER_LLAMA_SERVER", "llama-server");
    let found = version(EngineProgram::LlamaServer, &subject.executable).unwrap();
    assert_eq!(tested(EngineProgram::LlamaServer, &found), Ok(()));
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let process = process(&subject, EngineProgram::LlamaServer);
    let engine = engine(&process, 4);
    let launch = launch(&engine, &process, &place(port, folder.path())).unwrap();
    let mut server = Ended(spawn(&subject.executable, &launch, folder.path()));
    while !request(port, "/health", None).is_ok_and(|answer| answer.status == 200) {
        assert!(server.0.try_wait().unwrap().is_none(), "the server has ended");
        thread::sleep(Duration::from_millis(50));
    }
    let text = |path: &str| request(port, path, None).unwrap().text();
    let props = parse_props(text("/props").as_bytes()).unwrap();
    assert_eq!(judge(&props, &InForce::planned(&engine, &process)), []);
    assert_eq!((props.slots, props.context), (4, CONTEXT));
    let slots = parse_slots(text("/slots").as_bytes()).unwrap();
    assert_eq!(slots.len(), 4);
    assert!(slots.iter().all(|slot| slot.context == CONTEXT && !slot.busy), "{slots:?}");
    let metrics = parse_metrics(&text("/metrics"));
    assert_eq!((metrics.running, metrics.waiting), (Some(0.0), Some(0.0)));
    assert!(metrics.prompt_tokens.is_some() && metrics.generated_tokens.is_some(), "{metrics:?}");
}
