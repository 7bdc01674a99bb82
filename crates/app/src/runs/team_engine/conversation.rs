//! A conversation as a run: the last message of the user is the goal, what came before the brief.

use harmonic_types::{Message, Prompt, Rejection, Request, Role, SamplingOverrides, Tokens};

/// Bytes of a token, as a lower bound for texts that are not made to be short of it.
const BYTES_PER_TOKEN: usize = 3;

/// Part of the smallest context that the brief may take.
const BRIEF_PART: usize = 4;

/// A conversation as a run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Conversation {
    pub(super) goal: String,
    pub(super) brief: Option<String>,
    /// What of the request has no effect.
    pub(super) notes: Vec<String>,
}

/// The run that `request` asks a team for whose smallest context is `context`.
pub(super) fn read(request: &Request, context: Tokens) -> Result<Conversation, Rejection> {
    let invalid = |message: &str| Rejection::Invalid { message: message.to_owned() };
    let Prompt::Chat { messages, .. } = &request.prompt else {
        return Err(invalid(
            "the team answers conversations, not raw text: send it as a message of the user",
        ));
    };
    let Some((last, before)) = messages.split_last().filter(|(last, _)| last.role == Role::User)
    else {
        return Err(invalid(
            "the last message must be the user's, since it is the goal of the run",
        ));
    };
    if !request.logit_bias.is_empty() {
        return Err(invalid(
            "the team takes no `logit_bias`: its agents have several vocabularies",
        ));
    }
    let goal = last.text().into_owned();
    if goal.trim().is_empty() {
        return Err(invalid("the last message is empty: say what the team is to do"));
    }
    let most = usize::try_from(context.0).unwrap_or(usize::MAX) * BYTES_PER_TOKEN / BRIEF_PART;
    let (brief, left_out) = brief(before, most);
    let mut notes = Vec::new();
    if left_out > 0 {
        notes.push(format!(
            "{left_out} earlier messages are left out: the agents' contexts do not hold them"
        ));
    }
    if request.sampling != SamplingOverrides::default() {
        notes.push("the sampling is that of the agents, not that of the request".to_owned());
    }
    if request.effort.is_some() {
        notes.push("the effort of thinking is that of the agents".to_owned());
    }
    Ok(Conversation { goal, brief, notes })
}

/// The newest messages that `most` bytes hold, oldest first, and how many older ones are left out.
/// System messages come first: they are the client's instructions for all of it.
fn brief(messages: &[Message], most: usize) -> (Option<String>, usize) {
    let named = |message: &Message| {
        let author = match message.role {
            Role::System => "Instructions",
            Role::User => "User",
            Role::Assistant => "Assistant",
            Role::Tool => "Tool",
        };
        format!("{author}: {}", message.text())
    };
    let mut left = most;
    let mut kept: Vec<(usize, String)> = Vec::new();
    let is_system = |message: &Message| message.role == Role::System;
    let numbered = || messages.iter().enumerate();
    let systems = numbered().filter(|(_, message)| is_system(message));
    let others = numbered().rev().filter(|(_, message)| !is_system(message));
    for (index, message) in systems.chain(others) {
        let text = named(message);
        // An older message without the newer one between would say something else.
        if text.len() > left {
            break;
        }
        left -= text.len();
        kept.push((index, text));
    }
    kept.sort_by_key(|(index, _)| *index);
    let left_out = messages.len() - kept.len();
    let texts: Vec<String> = kept.into_iter().map(|(_, text)| text).collect();
    ((!texts.is_empty()).then(|| texts.join("\n\n")), left_out)
}

#[cfg(test)]
mod tests {
    use harmonic_types::RequestId;

    use super::*;

    fn request(messages: Vec<Message>) -> Request {
        Request::new(RequestId(1), "team".into(), messages)
    }

    fn user(text: &str) -> Message {
        Message::new(Role::User, text)
    }

    #[test]
    fn the_last_message_is_the_goal_and_what_came_before_the_brief() {
        let messages = vec![
            Message::new(Role::System, "Be kind."),
            user("Hello"),
            Message::new(Role::Assistant, "Hi."),
            user("Compare two crates."),
        ];
        let read = read(&request(messages), Tokens(1000)).unwrap();
        assert_eq!(read.goal, "Compare two crates.");
        assert_eq!(read.brief.unwrap(), "Instructions: Be kind.\n\nUser: Hello\n\nAssistant: Hi.");
        assert_eq!(read.notes, Vec::<String>::new());
    }

    #[test]
    fn older_messages_that_do_not_fit_are_left_out_and_said_so() {
        let long = "x".repeat(500);
        let messages = vec![
            Message::new(Role::System, "Be kind."),
            user(&long),
            user(&long),
            user("short"),
            user("goal"),
        ];
        let read = read(&request(messages), Tokens(1000)).unwrap();
        let brief = read.brief.unwrap();
        assert!(brief.starts_with("Instructions: Be kind.\n\nUser: x"), "{brief}");
        assert!(brief.ends_with("User: short") && brief.len() < 600, "{brief}");
        assert_eq!(read.notes.len(), 1);
        assert!(read.notes[0].starts_with("1 earlier messages"), "{:?}", read.notes);
    }

    #[test]
    fn what_is_no_question_of_a_user_is_refused_with_a_remedy() {
        let answers = vec![user("a"), Message::new(Role::Assistant, "b")];
        for (messages, words) in [
            (Vec::new(), "must be the user's"),
            (answers, "must be the user's"),
            (vec![user("  ")], "is empty"),
        ] {
            let refused = read(&request(messages), Tokens(1000)).unwrap_err().to_string();
            assert!(refused.contains(words), "{refused}");
        }
        let text = Request { prompt: Prompt::Text("once".to_owned()), ..request(Vec::new()) };
        assert!(read(&text, Tokens(9)).unwrap_err().to_string().contains("not raw text"));
    }
}
