//! Final output of the demo.

use harmonic_app::fanout::AgentAnswer;
use harmonic_types::{BenchRun, Hardware, Plan};

use crate::lines::labelled;
use crate::{answers, bench, findings, hardware, plan};

/// Summary of the demo's results.
pub fn summary(
    machine: &Hardware,
    planned: &Plan,
    answered: &[AgentAnswer],
    run: Option<&BenchRun>,
    width: usize,
) -> String {
    let mut lines = vec![
        labelled("machine", &hardware::line(machine)),
        labelled("plan", &plan::sharing(planned)),
        plan::memory(planned),
        labelled("team", &answers::summary(answered)),
    ];
    if let Some(run) = run {
        lines.push(String::new());
        lines.push(bench::report(run, width.saturating_sub(2)));
        lines.extend(findings::notes(&run.warnings));
    }
    lines.join("\n")
}

/// Commands to try next.
pub fn next(answers: &[AgentAnswer], seconds: u64) -> String {
    let agent = answers.iter().find(|answer| answer.agent.0 == "coder").or(answers.first());
    let agent = agent.map_or("coder", |answer| answer.agent.0.as_str());
    format!(
        r#"That took {seconds} s, and nothing is left running. Try next:
  harmonic up --stack starter                        serve the team on port 4276
  curl -N http://127.0.0.1:4276/v1/chat/completions -H 'Content-Type: application/json' \
    -d '{{"model":"{agent}","stream":true,"messages":[{{"role":"user","content":"Hello"}}]}}'
  harmonic bench --stack starter                     measure with confidence intervals
  harmonic plan --stack standard                     the paper's team on this machine
  harmonic models list                               list available models"#
    )
}
