//! Requests to different agents that begin alike: the fan-out of a run.

use std::sync::Arc;

use futures::future::join_all;
use harmonic_types::{
    AgentName, Message, Prompt, Request, RequestId, Role, SystemTurn, Tier, Tokens,
};

use super::{Answer, Factory, answer, collect, config};
use crate::engine::Engine;
use crate::local::LocalConfig;

/// The same for all agents of all runs.
const PREAMBLE: &str = "You are one of several agents who work on one goal. Use only what you are \
                        given. Answer with the result alone.";
/// Some 200 words.
const BRIEF: &str = "The town of Lindau has a harbour with sixty berths, a lighthouse and a lion. \
    Its council wants to know whether a ferry that runs on hydrogen would pay for itself. The ferry \
    would carry a hundred and twenty people across the lake in fifty minutes, eight times a day \
    from April to October and four times a day in winter. A diesel ferry of the same size burns \
    ninety litres an hour. Hydrogen would come by lorry twice a week until the town has its own \
    plant, which takes three years to build. The council has set aside four million for the ship \
    and one million for the jetty, and expects a grant of a third of both. Tickets cost eleven \
    today; commuters pay half. In summer three of four seats are taken, in winter one of five. The \
    crew is four, and a captain is hard to find. The shipyard asks for two years and promises \
    twenty-five of service. The neighbours on the other shore have electric ferries already and \
    like them, though the batteries had to be replaced after six years. The lake freezes about \
    once in a generation. Visitors say that they come for the quiet, the swans and the old \
    steamer, which is to be kept. The report is due in March and must not exceed ten pages.";
const TASKS: [(&str, &str); 6] = [
    ("executive", "State the decision in one sentence."),
    ("operator", "List the dates."),
    ("director", "Divide the work."),
    ("analyst", "Estimate the yearly income."),
    ("coder", "Write the formula of the fuel costs."),
    ("reviewer", "Name the weakest assumption."),
];

/// Six agents of all tiers with system prompts of their own.
fn team() -> LocalConfig {
    let mut config = config(6, 2048);
    let model = config.agents.remove(0);
    let agents = TASKS.iter().zip(Tier::ALL.iter().cycle()).map(|((name, _), tier)| {
        let mut agent = model.clone();
        agent.spec.name = AgentName::from(*name);
        agent.spec.tier = *tier;
        agent.spec.system = format!("You are the {name}.");
        agent.slots = 1;
        agent
    });
    config.agents = agents.collect();
    config
}

/// A question to the agent of task `index`, after the preamble.
fn prompted(id: u64, index: usize, question: &str) -> Request {
    let messages = vec![Message::new(Role::System, PREAMBLE), Message::new(Role::User, question)];
    let mut request = Request::new(RequestId(id), AgentName::from(TASKS[index].0), messages);
    request.system = SystemTurn::Request;
    request
}

/// Task number `index`, in the layout of a run: the brief before role and task.
fn task(index: usize, max_tokens: u32) -> Request {
    let (agent, instruction) = TASKS[index];
    let question = format!("{BRIEF}\n\nYou are the {agent}. {instruction}");
    let mut request = prompted(index as u64, index, &question);
    request.max_tokens = Some(Tokens(max_tokens));
    request.ignore_eos = true;
    request
}

async fn submitted_at_once(engine: &Arc<dyn Engine>, max_tokens: u32) -> Vec<Answer> {
    let tasks = (0..TASKS.len()).map(|index| engine.submit(task(index, max_tokens)));
    join_all(join_all(tasks).await.into_iter().map(|granted| collect(granted.expect("granted"))))
        .await
}

pub(super) async fn siblings_compute_what_they_share_once(factory: Factory<'_>) {
    // With answers of one token, the first has ended before the others have begun.
    for max_tokens in [1, 24] {
        let engine = factory(team());
        // Preamble and brief, and the few tokens that end a prompt.
        let shared = engine.count_tokens(prompted(0, 0, BRIEF)).await.expect("counted").0;
        let answers = submitted_at_once(&engine, max_tokens).await;
        let mut cached: Vec<u32> =
            answers.iter().map(|answer| answer.usage.cached_tokens).collect();
        cached.sort_unstable();
        assert!(cached[0] < shared / 4, "one of them computes it: {cached:?} of {shared}");
        assert!(cached[1] * 100 >= shared * 95, "the others copy it: {cached:?} of {shared}");
    }
}

pub(super) async fn a_request_may_have_its_own_system_turn(factory: Factory<'_>) {
    let engine = factory(config(2, 1024));
    assert!(engine.capabilities().own_system_turn);
    let ask = |agent: &str, system: SystemTurn, messages: Vec<Message>| {
        let mut request = Request::new(RequestId(1), AgentName::from(agent), messages);
        request.system = system;
        request
    };
    let own = || vec![Message::new(Role::System, "Be brief."), Message::new(Role::User, "Why?")];
    let mut counts = Vec::new();
    for system in [SystemTurn::Agent, SystemTurn::Request] {
        for agent in ["first", "second"] {
            let mut request = ask(agent, system, own());
            let counted = engine.count_tokens(request.clone()).await.expect("counted").0;
            request.max_tokens = Some(Tokens(4));
            let answered = answer(&engine, request).await;
            assert_eq!(answered.usage.prompt_tokens, counted, "as counted");
            counts.push(counted);
        }
    }
    assert!(counts[2] < counts[0] && counts[3] < counts[1], "without the agent's: {counts:?}");
    assert_eq!(counts[2], counts[3], "the same for both agents");
    // A text has no system turn.
    let text = |system| {
        let mut request = ask("first", system, Vec::new());
        request.prompt = Prompt::Text("Once".to_owned());
        engine.count_tokens(request)
    };
    let [one, other] = [text(SystemTurn::Agent).await, text(SystemTurn::Request).await];
    assert_eq!(one.expect("counted"), other.expect("counted"));
}
