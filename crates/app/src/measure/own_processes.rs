//! Processes whose load is that of a measurement, and not of other programs.
//!
//! Invariants: a server that may run in a process unknown to us is stated as such, so that its load is
//! never called that of others.

use harmonic_api::Client;
use harmonic_gateway::PortOwner;
use harmonic_hardware::OwnProcesses;
use harmonic_types::{EngineSpec, Plan};

/// Programs that only pass connections on: the server is another process, perhaps on another machine.
const FORWARDERS: [&str; 13] = [
    "docker-proxy",
    "rootlessport",
    "slirp4netns",
    "pasta",
    "passt",
    "gvproxy",
    "ssh",
    "kubectl",
    "socat",
    "nginx",
    "caddy",
    "haproxy",
    "traefik",
];

/// Processes of a measurement whose servers run in this process.
pub fn with_own_servers() -> OwnProcesses {
    let benchmark = std::process::id();
    OwnProcesses { benchmark, servers: Vec::new(), has_server: true }
}

/// Processes of a measurement of a team that runs in this process by `plan`: programs that it starts
/// are descendants, and a server of this machine that already runs is unknown.
pub fn with_own_team(plan: &Plan) -> OwnProcesses {
    let own = with_own_servers();
    let has = |is: fn(&EngineSpec) -> bool| plan.engines.iter().any(|engine| is(&engine.spec));
    let starts = has(|spec| matches!(spec, EngineSpec::Process(_)));
    let unknown = has(|spec| matches!(spec, EngineSpec::Remote(remote) if !remote.leaves_machine));
    OwnProcesses {
        servers: starts.then_some(own.benchmark).into_iter().collect(),
        has_server: !unknown,
        ..own
    }
}

/// Processes of a measurement of running servers; those on other machines have none here.
pub fn with_servers<'a>(clients: impl IntoIterator<Item = &'a Client>) -> OwnProcesses {
    let mut own = with_own_servers();
    for address in clients.into_iter().filter_map(Client::local_address) {
        match PortOwner::of(address) {
            PortOwner::Process { pid, name } if !FORWARDERS.contains(&name.as_str()) => {
                own.servers.extend(u32::try_from(pid));
            }
            PortOwner::Process { .. } | PortOwner::Unknown => own.has_server = false,
        }
    }
    own
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_server_is_found_by_its_port() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let here = format!("http://{}", listener.local_addr().unwrap());
        let me = std::process::id();
        let own = with_servers([&Client::new(&here).unwrap()]);
        if cfg!(target_os = "linux") {
            assert_eq!(own, OwnProcesses { benchmark: me, servers: vec![me], has_server: true });
        }
        let elsewhere = Client::new("http://192.0.2.1:4276").unwrap();
        assert_eq!(with_servers([&elsewhere]), with_own_servers(), "its load is not here");
        drop(listener);
        assert!(!with_servers([&Client::new(&here).unwrap()]).has_server, "nobody listens");
    }
}
