//! Final output of the demo.

use std::path::Path;
use std::time::Duration;

use harmonic_app::fanout::AgentAnswer;
use harmonic_layout::{Width, beside, wrap_lines};
use harmonic_report::run::timeline;
use harmonic_types::{BenchRun, Hardware, Plan, RunRecord, duration_text};

use crate::lines::labelled;
use crate::{answers, bench, findings, hardware, plan, runs};

/// Summary of the demo's results.
pub fn summary(
    machine: &Hardware,
    planned: &Plan,
    answered: &[AgentAnswer],
    run: Option<&BenchRun>,
    width: Width,
) -> String {
    let mut lines = vec![
        labelled("machine", &hardware::line(machine), width),
        labelled("plan", &plan::sharing(planned), width),
        plan::memory(planned, width),
        labelled("team", &answers::summary(answered), width),
    ];
    if let Some(run) = run {
        lines.push(String::new());
        lines.push(bench::report(run, width));
        lines.extend(findings::notes(&run.warnings, width));
    }
    lines.join("\n")
}

/// The task that the team is given, as a command.
pub fn task(recipe: &str, goal: &str, width: Width) -> String {
    wrap_lines(&format!("harmonic run --recipe {recipe} \"{goal}\"\n"), width)
}

/// How the team did it: what it cost, who did what when, and where its page is.
pub fn team_run(record: &RunRecord, page: &Path, width: Width) -> String {
    let mut lines = vec![
        labelled("run", &format!("{}: {}", runs::state(&record.state), runs::cost(record)), width),
        String::new(),
        timeline(record, width),
        String::new(),
    ];
    lines.extend(beside("", "", &format!("The same as a page: {}", page.display()), width));
    lines.join("\n")
}

/// Commands to try next.
pub fn next(answers: &[AgentAnswer], took: Duration, width: Width) -> String {
    let agent = answers.iter().find(|answer| answer.agent.0 == "coder").or(answers.first());
    let agent = agent.map_or("coder", |answer| answer.agent.0.as_str());
    let intro =
        format!("That took {}, and nothing is left running. Try next:", duration_text(took));
    let mut lines = beside("", "", &intro, width);
    lines.extend(command("harmonic up --stack starter", "serve the team on port 4276", width));
    lines.push(format!(
        r#"  curl -N http://127.0.0.1:4276/v1/chat/completions \
    -H 'Content-Type: application/json' \
    -d '{{"model": "{agent}", "stream": true,
    "messages": [{{"role": "user", "content": "Hello"}}]}}'"#
    ));
    for (name, use_of_it) in [
        ("harmonic bench --stack starter", "measure with confidence intervals"),
        ("harmonic plan --stack standard", "the paper's team on this machine"),
        ("harmonic models list", "list available models"),
    ] {
        lines.extend(command(name, use_of_it, width));
    }
    lines.join("\n")
}

/// A command beside what it does.
fn command(command: &str, use_of_it: &str, width: Width) -> Vec<String> {
    const COMMAND: usize = 34;
    beside(&format!("  {command:<COMMAND$}"), &" ".repeat(COMMAND + 2), use_of_it, width)
}
