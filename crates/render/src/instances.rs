//! Running teams as text.

use std::time::Duration;

use harmonic_app::instances::TeamStatus;
use harmonic_layout::{Column, Table, Width, beside, unbroken};
use harmonic_types::duration_text;

use crate::endpoint::example_agent;

/// Table with a row per team.
pub fn text(teams: &[TeamStatus], width: Width) -> String {
    let figure = |figure: Option<u32>| figure.map_or_else(|| "–".to_owned(), |n| n.to_string());
    let row = |team: &TeamStatus| {
        [
            team.pid.to_string(),
            team.stack.clone(),
            team.url.clone(),
            duration_text(Duration::from_secs(team.uptime_s)),
            team.agents.len().to_string(),
            team.agents.iter().map(|agent| agent.slots).sum::<u32>().to_string(),
            figure(team.in_flight),
            figure(team.queued),
            team.state.clone(),
        ]
    };
    let columns = [
        Column::figure("pid").leaves(3),
        Column::text("stack"),
        Column::text("url"),
        Column::figure("up").leaves(2),
        Column::figure("agents").leaves(1),
        Column::figure("slots"),
        Column::figure("in flight"),
        Column::figure("queued"),
        Column::text("state"),
    ];
    Table::new(columns, teams.iter().map(row)).text(width)
}

/// One line for each of `teams` whose agents send prompts off this machine; `None` if none does.
pub fn leaving(teams: &[TeamStatus], width: Width) -> Option<String> {
    let lines = teams.iter().filter_map(|team| {
        let leave = team.agents.iter().filter(|agent| agent.leaves_machine);
        let names: Vec<&str> = leave.map(|agent| agent.name.0.as_str()).collect();
        (!names.is_empty()).then(|| {
            let text = format!("{}: prompts of {} leave this machine", team.url, names.join(", "));
            beside("remote: ", "        ", &text, width).join("\n")
        })
    });
    let lines: Vec<String> = lines.collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// The next commands for `teams`; `option` is the option that names a team, with a leading space.
pub fn next(teams: &[TeamStatus], option: impl Fn(&TeamStatus) -> String, width: Width) -> String {
    let commands = |team: &TeamStatus| {
        let option = option(team);
        let agents = team.agents.iter().map(|agent| agent.name.0.as_str());
        let agent = example_agent(agents).unwrap_or("AGENT");
        let logs = team.log.as_ref().map(|_| format!("harmonic logs{option}"));
        let all = [Some(format!("harmonic chat {agent}{option}")), logs];
        let all = all.into_iter().flatten().chain([format!("harmonic down{option}")]);
        // A command is copied as a whole.
        let all: Vec<String> = all.map(|command| unbroken(&command)).collect();
        beside("next: ", "      ", &all.join("  "), width).join("\n")
    };
    teams.iter().map(commands).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use harmonic_types::AgentName;

    use super::*;

    #[test]
    fn the_next_commands_name_the_port_and_are_not_broken() {
        let agents = r#"[{"name": "executive", "slots": 1}, {"name": "coder", "slots": 1}]"#;
        let team = TeamStatus {
            pid: 1,
            stack: "starter".to_owned(),
            url: "http://127.0.0.1:5000".to_owned(),
            port: 5000,
            uptime_s: 1,
            state: "ok".to_owned(),
            in_flight: None,
            queued: None,
            log: Some("/log".into()),
            agents: serde_json::from_str(agents).unwrap(),
            engines: None,
        };
        assert_eq!(team.agents[1].name, AgentName::from("coder"));
        let shown = next(&[team], |team| format!(" --port {}", team.port), Width::of_terminal(60));
        insta::assert_snapshot!(shown, @"
        next: harmonic chat coder --port 5000
              harmonic logs --port 5000  harmonic down --port 5000
        ");
    }
}
