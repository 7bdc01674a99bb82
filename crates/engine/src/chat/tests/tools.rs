//! Rendering of tools, their calls and results.

use std::sync::Arc;

use harmonic_batching::Token;
use harmonic_types::{Message, Prompt, Role, Tool, ToolCall, ToolChoice};

use super::super::{AnswerDelta, Budget, Chat, GrammarFragment, Special, Vocabulary};
use super::{ByteVocabulary, NO_SYSTEM, PLAIN, agent, chat, rendered};

/// A Hermes-style template: tools in the system message, calls and results in tags.
const TAGGED: &str = "{%- if tools %}<system>{{ messages[0].content }} tools:\
    {%- for tool in tools %} {{ tool | tojson }}{% endfor %}</system>{% endif %}\
    {%- for m in messages %}{% if m.role != 'system' or not tools %}<{{ m.role }}>{{ m.content }}\
    {%- for call in m.tool_calls %}<tool_call>{\"name\": \"{{ call.function.name }}\", \
    \"arguments\": {{ call.function.arguments | tojson }}}</tool_call>{% endfor %}{% endif %}\
    {%- endfor %}<assistant>";
/// A template that concatenates arguments to a string and checks the length of ids.
const LISTED: &str = "{%- if tools is not none %}[T]{{ tools | tojson(indent=1) }}[/T]{% endif %}\
    {%- for m in messages %}{% if m.tool_calls is defined %}[TOOL_CALLS]\
    {%- for call in m.tool_calls %}{% if call.id|length != 9 %}{{ raise_exception('ids have nine') }}\
    {%- endif %}{{ call.function.name + call.function.arguments + call.id }}{% endfor %}\
    {%- elif m.role == 'tool' %}[R]{{ m.name }}:{{ m.content }}:{{ m.tool_call_id }}\
    {%- else %}[{{ m.role }}]{{ m.content }}{% endif %}{% endfor %}";

fn weather() -> Tool {
    Tool {
        name: "weather".to_owned(),
        description: Some("It's <warm>".to_owned()),
        parameters: r#"{"type":"object","properties":{"city":{"type":"string"}}}"#.to_owned(),
    }
}

fn asked() -> Vec<Message> {
    let call = ToolCall {
        id: "call_abc".to_owned(),
        name: "weather".to_owned(),
        arguments: r#"{"city": "Köln"}"#.to_owned(),
    };
    let tool_call_id = Some(call.id.clone());
    vec![
        Message::new(Role::User, "Warm?"),
        Message { tool_calls: vec![call], ..Message::new(Role::Assistant, "") },
        Message { tool_call_id, ..Message::new(Role::Tool, "21") },
        Message::new(Role::User, "Thanks."),
    ]
}

fn with_tool(messages: Vec<Message>) -> Prompt {
    Prompt::Chat { messages, tools: vec![weather()] }
}

#[test]
fn a_template_that_shows_tools_shows_them_as_python_would() {
    insta::assert_snapshot!(rendered(&chat(Some(TAGGED)), &with_tool(asked())), @r#"<system>You code. tools: {"type": "function", "function": {"name": "weather", "description": "It's <warm>", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}</system><user>Warm?<assistant><tool_call>{"name": "weather", "arguments": {"city": "Köln"}}</tool_call><tool>21<user>Thanks.<assistant>"#);
}

#[test]
fn a_template_gets_the_arguments_and_ids_that_it_can_read() {
    let text = rendered(&chat(Some(LISTED)), &with_tool(asked()));
    let (tools, rest) = text.split_once("[/T]").unwrap();
    assert!(tools.contains("\"name\": \"weather\",\n   \"description\""), "{tools}");
    insta::assert_snapshot!(rest, @r#"[system]You code.[user]Warm?[TOOL_CALLS]weather{"city": "Köln"}712066784[R]weather:21:712066784[user]Thanks."#);
}

#[test]
fn a_template_that_shows_no_tools_has_them_described() {
    insta::assert_snapshot!(rendered(&chat(Some(PLAIN)), &with_tool(asked())), @r#"
    <s>  [system] You code.

    You can call tools. Each line describes one, with the JSON Schema of its arguments:
    {"name": "weather", "description": "It's <warm>", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
    To call a tool, answer with nothing but its name and arguments in this form, once for each call:
    <tool_call>
    {"name": "NAME", "arguments": {"KEY": "VALUE"}}
    </tool_call>
    The results come between <tool_response> and </tool_response>. Where no tool is needed, answer in plain text.
      [user] Warm?
      [assistant] <tool_call>
    {"name": "weather", "arguments": {"city": "Köln"}}
    </tool_call>
      [user] <tool_response>
    21
    </tool_response>

    Thanks.
    >
    "#);
    let alternating = rendered(&chat(Some(NO_SYSTEM)), &with_tool(asked()));
    assert_eq!(alternating.matches("<user>").count(), 2, "{alternating}");
    let base = rendered(&chat(None), &with_tool(asked()));
    assert!(base.contains("\"weather\"") && base.contains("<tool_response>\n21\n"), "{base}");
}

#[test]
fn tools_that_may_not_be_called_are_not_shown() {
    for template in [TAGGED, LISTED, PLAIN] {
        let chat = chat(Some(template));
        let tokens = |prompt: &Prompt, choice| {
            chat.render(&agent(), prompt, None, &choice, &Budget::default()).unwrap().tokens
        };
        let hello = || vec![Message::new(Role::User, "hello")];
        let plain = tokens(&Prompt::chat(hello()), ToolChoice::Auto);
        assert_eq!(tokens(&with_tool(hello()), ToolChoice::None), plain);
        assert_ne!(tokens(&with_tool(hello()), ToolChoice::Required), plain);
        // Without tools, a conversation with earlier calls continues.
        assert!(!tokens(&Prompt::chat(asked()), ToolChoice::Auto).is_empty());
    }
}

#[test]
fn parameters_that_are_no_json_are_refused() {
    let tools = vec![Tool { parameters: "{".to_owned(), ..weather() }];
    let prompt = Prompt::Chat { messages: asked(), tools };
    let refused =
        chat(Some(TAGGED)).render(&agent(), &prompt, None, &ToolChoice::Auto, &Budget::default());
    let message = refused.unwrap_err().to_string();
    assert!(
        message.starts_with("invalid parameters of tool `weather`: expected JSON: EOF"),
        "{message}"
    );
}

#[test]
fn a_text_is_continued_as_it_stands() {
    let text = Prompt::Text("once".to_owned());
    assert_eq!(rendered(&chat(Some(PLAIN)), &text), "once", "the vocabulary adds what it wants");
}

/// Vocabulary of bytes and two control tokens.
struct Controls;

impl Vocabulary for Controls {
    fn size(&self) -> u32 {
        259
    }
    fn tokenize(&self, text: &str) -> Vec<Token> {
        text.bytes().map(|byte| Token(i32::from(byte))).collect()
    }
    fn specials(&self) -> Vec<Special> {
        vec![Special::control(Token(257), "[TOOL_CALLS]"), Special::control(Token(258), "[ARGS]")]
    }
    fn append_bytes(&self, token: Token, out: &mut Vec<u8>) {
        out.extend(u8::try_from(token.0));
    }
    fn ends_turn(&self, token: Token) -> bool {
        token.0 == 256
    }
    fn turn_ends(&self) -> Vec<Token> {
        vec![Token(256)]
    }
    fn chat_template(&self) -> Option<String> {
        let calls = "{% for c in m.tool_calls %}[TOOL_CALLS]{{ c.function.name }}[ARGS]\
                     {{ c.function.arguments | tojson }}{% endfor %}";
        Some(format!(
            "{{{{ tools | tojson }}}}{{% for m in messages %}}{{{{ m.content }}}}{calls}{{% endfor %}}"
        ))
    }
    fn bos_text(&self) -> String {
        String::new()
    }
    fn eos_text(&self) -> String {
        String::new()
    }
}

#[test]
fn control_tokens_around_calls_are_read_where_there_are_tools() {
    let chat = Chat::new(Arc::new(Controls)).unwrap();
    let frame = [
        GrammarFragment::Control(Token(257)),
        GrammarFragment::Text("f".into()),
        GrammarFragment::Control(Token(258)),
    ];
    assert_eq!(chat.call_frame("f"), (frame.to_vec(), vec![]));
    let read = |tools: &[Tool]| {
        let mut decoder = chat.decoder(Vec::new(), false, tools);
        let tokens = [257, i32::from(b'f'), 258, i32::from(b'{'), i32::from(b'}')];
        let mut answer: Vec<AnswerDelta> =
            tokens.into_iter().flat_map(|token| decoder.push(Token(token)).answer).collect();
        answer.extend(decoder.finish(false).answer);
        (answer, decoder.called())
    };
    let (answer, called) = read(&[weather()]);
    assert_eq!(answer[0], AnswerDelta::Call { index: 0, name: "f".to_owned() });
    assert!(called && answer.len() == 3, "{answer:?}");
    let text = |text: &str| AnswerDelta::Text(text.to_owned());
    assert_eq!(read(&[]), (vec![text("f"), text("{"), text("}")], false));
}

#[test]
fn the_vocabulary_of_bytes_has_no_control_tokens() {
    let chat = Chat::new(Arc::new(ByteVocabulary(Some(TAGGED)))).unwrap();
    let (before, after) = chat.call_frame("f");
    assert_eq!(
        before,
        [GrammarFragment::Text("<tool_call>\n{\"name\": \"f\", \"arguments\": ".to_owned())]
    );
    assert_eq!(after, [GrammarFragment::Text("}\n</tool_call>".to_owned())]);
}

#[test]
fn no_tools_are_nothing_to_count() {
    // As in Qwen3-Coder's: in Jinja, `none` is not iterable and a text is.
    let counting = "{% if tools is iterable and tools|length > 0 %}tools{% endif %}\
                    {% if messages[0].content is iterable %}text {% endif %}{{ messages[-1].content }}";
    let prompt = Prompt::chat(vec![Message::new(Role::User, "hi")]);
    assert_eq!(rendered(&chat(Some(counting)), &prompt), "text hi");
}
