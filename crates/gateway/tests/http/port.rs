//! Addresses that cannot be bound, and names that cannot be registered.

use std::sync::Arc;

use harmonic_engine::Engine;
use harmonic_gateway::{AgentInfo, GatewayError, ModelRegistry, PortOwner, RegisteredAgent, bind};
use harmonic_types::Tokens;

use crate::scripted_engine::{Script, ScriptedEngine};

#[tokio::test]
async fn a_port_in_use_is_refused_with_its_owner() {
    for held in ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0"] {
        let Ok(first) = bind(held.parse().expect("an address")).await else {
            assert_eq!(held, "[::1]:0", "only IPv6 may be missing");
            continue;
        };
        let error = bind(first.address()).await.expect_err("it is taken");
        let GatewayError::PortInUse { owner, .. } = &error else { panic!("{error:?}") };
        if cfg!(target_os = "linux") {
            let me = i32::try_from(std::process::id()).expect("a process id");
            assert!(matches!(owner, PortOwner::Process { pid, .. } if *pid == me), "{error}");
            assert!(error.to_string().contains(&format!("(process {me})")), "{error}");
        }
        assert!(error.to_string().contains("--port"), "{error}");
    }
}

#[tokio::test]
async fn an_address_of_another_machine_is_refused() {
    // 192.0.2.0/24 is for documentation (RFC 5737): no machine has it.
    let error = bind("192.0.2.1:0".parse().expect("an address")).await.expect_err("not here");
    assert!(matches!(error, GatewayError::Bind { .. }), "{error:?}");
}

#[test]
fn the_registry_requires_unique_printable_names() {
    let engine = ScriptedEngine::new(Script::Queue);
    let agent = |name: &str| RegisteredAgent {
        name: name.into(),
        role: String::new(),
        model: String::new(),
        context: Tokens(1),
        info: AgentInfo::default(),
        engine: Arc::clone(&engine) as Arc<dyn Engine>,
        team: None,
    };
    let twice = ModelRegistry::new(vec![agent("coder"), agent("ops"), agent("coder")]);
    assert!(matches!(twice, Err(GatewayError::DuplicateAgent(name)) if name == "coder".into()));
    assert!(matches!(
        ModelRegistry::new(vec![agent("a\nb")]),
        Err(GatewayError::UnprintableAgent(_))
    ));
}
