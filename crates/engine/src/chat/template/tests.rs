//! Templates of public models against what a real llama-server makes of them.
//!
//! `scripts/apply-templates.py` asks the server; see `make test-real`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use harmonic_sched::Token;
use harmonic_types::{Message, Role, Tool, ToolCall};
use serde_json::Value;

use super::{Cancelled, Marks, Scene, Template, Vocabulary, source};

/// Templates that fail the start, with what they are refused for.
const REFUSED: [(&str, &str); 1] =
    [("fireworks-ai-llama-3-firefunction-v2", "`functions` is undefined")];
/// Prompts that differ from the server's, with why.
const DIFFERENT: [(&str, &str, &str); 10] = [
    ("Apertus-8B-Instruct", "plain", APERTUS),
    ("Apertus-8B-Instruct", "system", APERTUS),
    ("Apertus-8B-Instruct", "turns", APERTUS),
    ("Apertus-8B-Instruct", "tools", APERTUS),
    ("Apertus-8B-Instruct", "result", APERTUS),
    ("Kimi-K2-Instruct", "result", KIMI),
    ("Kimi-K2-Thinking", "result", KIMI),
    ("deepseek-ai-DeepSeek-V4", "turns", DEEPSEEK),
    ("deepseek-ai-DeepSeek-V4-Flash-0731", "turns", DEEPSEEK),
    ("google-gemma-4-31B-it-interleaved", "result", "the server makes other messages of results"),
];
const APERTUS: &str = "the server does not tell it that thinking is on";
const KIMI: &str = "it changes a list in place, which minijinja has not: tools are described by us";
const DEEPSEEK: &str = "the server keeps the marks of thoughts in old turns";

struct Fixture {
    template: String,
    bos: String,
    eos: String,
}

impl Vocabulary for Fixture {
    fn size(&self) -> u32 {
        0
    }
    fn tokenize(&self, _: &str) -> Vec<Token> {
        Vec::new()
    }
    fn append_bytes(&self, _: Token, _: &mut Vec<u8>) {}
    fn ends_turn(&self, _: Token) -> bool {
        false
    }
    fn turn_ends(&self) -> Vec<Token> {
        Vec::new()
    }
    fn chat_template(&self) -> Option<String> {
        Some(self.template.clone())
    }
    fn bos_text(&self) -> String {
        self.bos.clone()
    }
    fn eos_text(&self) -> String {
        self.eos.clone()
    }
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn message(body: &Value) -> Message {
    let role = match body["role"].as_str() {
        Some("system") => Role::System,
        Some("assistant") => Role::Assistant,
        Some("tool") => Role::Tool,
        _ => Role::User,
    };
    let call = |call: &Value| ToolCall {
        id: text(call, "id"),
        name: text(&call["function"], "name"),
        arguments: text(&call["function"], "arguments"),
    };
    Message {
        tool_calls: list(&body["tool_calls"]).map(call).collect(),
        tool_call_id: body["tool_call_id"].as_str().map(str::to_owned),
        ..Message::new(role, text(body, "content"))
    }
}

fn tool(body: &Value) -> Tool {
    let function = &body["function"];
    Tool {
        name: text(function, "name"),
        description: Some(text(function, "description")),
        parameters: function["parameters"].to_string(),
    }
}

/// What the template makes of a conversation by itself: its tools are shown also where their calls
/// could not be read, in which case they are otherwise described.
fn applied(template: &Template, body: &Value) -> Result<String, String> {
    let messages: Vec<Message> = list(&body["messages"]).map(message).collect();
    let tools: Vec<Tool> = list(&body["tools"]).map(tool).collect();
    let (cancelled, marks) = (Cancelled::default(), Marks::default());
    let scene = Scene {
        messages: &messages,
        tools: &tools,
        thinking: true,
        cancelled: &cancelled,
        marks: &marks,
    };
    if tools.is_empty() {
        return template.render(scene).map_err(|error| error.to_string());
    }
    let wishes = template.shows_tools(super::Syntax::of(&template.source));
    let messages = super::system_into_user(&messages);
    let scene = if template.takes_system { scene } else { Scene { messages: &messages, ..scene } };
    template.run(scene, wishes.unwrap_or(template.wishes)).map_err(|error| error.to_string())
}

#[test]
#[ignore = "needs a llama-server and its templates: see `make test-real`"]
fn public_templates_are_applied_as_llama_server_applies_them() {
    let folder = |name| PathBuf::from(std::env::var_os(name).expect(name));
    let (templates, answers) = (folder("HARMONIC_TEMPLATES"), folder("HARMONIC_APPLIED"));
    let read = |path: PathBuf| std::fs::read_to_string(path).expect("a file");
    let asked: Value = serde_json::from_str(&read(answers.join("conversations.json"))).unwrap();
    let mut refused = BTreeMap::new();
    let mut different = Vec::new();
    let mut count = 0;
    for entry in std::fs::read_dir(templates).expect("a folder") {
        let path = entry.expect("an entry").path();
        let Some(name) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
        if path.extension().is_none_or(|extension| extension != "jinja") {
            continue;
        }
        let expected: Value =
            serde_json::from_str(&read(answers.join(format!("{name}.json")))).unwrap();
        let fixture = Fixture {
            template: read(path.clone()),
            bos: text(&asked["tokens"], "bos"),
            eos: text(&asked["tokens"], "eos"),
        };
        let template = match Template::new(&fixture) {
            Ok(template) => template,
            Err(error) => {
                refused.insert(name.to_owned(), error.to_string());
                continue;
            }
        };
        for (conversation, body) in asked["conversations"].as_object().expect("conversations") {
            let Some(prompt) = expected[conversation]["prompt"].as_str() else { continue };
            let ours = applied(&template, body);
            count += 1;
            if ours.as_deref() != Ok(prompt) {
                println!("\n### {name} {conversation}\nSERVER {prompt:?}\nOURS   {ours:?}");
                different.push((name.to_owned(), conversation.clone()));
            }
        }
    }
    println!("{count} prompts, {} differ; refused: {refused:#?}", different.len());
    assert!(count > 200, "of {count} prompts");
    let listed: Vec<&str> = REFUSED.iter().map(|(name, _)| *name).collect();
    assert_eq!(refused.keys().collect::<Vec<_>>(), listed);
    for (name, reason) in REFUSED {
        assert!(refused[name].contains(reason), "{name}: {}", refused[name]);
    }
    different.retain(|(name, conversation)| {
        !DIFFERENT.iter().any(|(n, c, _)| n == name && c == conversation)
    });
    assert_eq!(different, []);
}

/// Such as public models have, in the few constructs that Jinja itself has not.
#[test]
fn what_transformers_adds_to_jinja_is_known() {
    let template = |template: &str| {
        let (bos, eos) = (String::new(), String::new());
        Template::new(&Fixture { template: template.to_owned(), bos, eos }).expect("a template")
    };
    let messages = [Message::new(Role::System, "s"), Message::new(Role::User, "u")];
    let (cancelled, marks) = (Cancelled::default(), Marks::default());
    let scene = Scene {
        messages: &messages,
        tools: &[],
        thinking: false,
        cancelled: &cancelled,
        marks: &marks,
    };
    let generation = "{% for m in messages %}{{ m.role }}:\n{%- generation %} {{ m.content }}\
                      {%- endgeneration -%}\n;{% endfor %}";
    assert_eq!(template(generation).render(scene).unwrap(), "system: s;user: u;");
    let dated = template("{{ strftime_now('%Y-%m-%d') }}{{ messages[-1].content }}");
    let dated = dated.render(scene).unwrap();
    assert!(dated.len() == 11 && dated.starts_with("20") && dated.ends_with('u'), "{dated}");
    let parts =
        "{% for m in messages %}{% for p in m.content %}{{ p.text }}{% endfor %}{% endfor %}";
    assert_eq!(template(parts).render(scene).unwrap(), "su");
    let escaped =
        r#"{{ ["é😀a"] | tojson(ensure_ascii=True) }}{{ 'a\n\nb\n' | indent(2, first=true) }}"#;
    let expected = "[\"\\u00e9\\ud83d\\ude00a\"]  a\n\n  b\n";
    assert_eq!(template(escaped).render(scene).unwrap(), expected);
}

#[test]
fn a_template_beyond_a_limit_is_refused_before_it_is_compiled() {
    let syntax = minijinja::syntax::SyntaxConfig::default();
    let refused = |template: &str| source::guarded(template, &syntax).unwrap_err().to_string();
    let long = "x".repeat(source::SOURCE_BYTES + 1);
    assert!(refused(&long).contains("it has 262145 bytes, and at most 262144 are read"));
    let tag = format!("{{{{ {} }}}}", "1 + ".repeat(3000) + "1");
    assert!(refused(&tag).contains("a tag of it has more than 4096 words and signs"));
}

/// What guards are put into says what it says without them.
#[test]
fn a_guarded_template_says_what_it_said() {
    let source = "\
{%- set a, b = 1, 'x' -%}
{%- macro show(x, y='d') -%}[{{ x }}{{ y }}]{%- endmacro -%}
{{- a + 2 * 3 - 1 }} {{ -(a + 1) }} {{ 2 * 'ab' ~ 1 ~ b }} {{ ('a' + 'b').upper().lower()[0] }}
{{ (not a) or b|upper ~ 'y' }} {{ 'x' in ['x'] and 'b' not in 'abc' }} {{ 1 < 2 <= 2 }}
{{ {'k': [1, a]}.k[1] }} {{ (a, b)[1] }} {{ show('q') }}{{ show(y=b, x=a) }} {{ [1, 2][::-1] | join('-') }}
{%- for k, v in {'a': 1}.items() if v == 1 %} {{ k }}={{ v * 1.5 }}{{ loop.last }}{% else %}none{% endfor %}
{%- for i in range(3) %}{{ loop.index0 + 1 }}{% endfor %} {{ [1] + [2, a] }} {{ ([0] * 2) | length }}
{%- set n = namespace(x=0) %}{% for i in [1, 2] %}{% set n.x = n.x + i %}{% endfor %} {{ n.x }}
{%- set block | upper %} inner{% endset %}{{ block }} {{ messages | length }} {{ messages[-1].content is string }}
g{%- filter lower %} LOUD{% endfilter %} {{ ' a b  c '.split() }}
{{ 'abcde'[1:3] }} {{ 'abcde'[-2:].upper() }} {{ ('ab' + b)[:-1] }} {{ 'abcde'[4:1:-2] }} {{ [1, a, 3][1:][::-1][0] }} {{ [1, 2, 3, 4][::2] | join }}
{{ 'a' if b == 'x' else 'b' }} {{ none is none }} {{ undefined_one is defined }} {{ 7 // 2 }} {{ 2 ** 3 }} {{ b is in ['x'] }}";
    let messages = [Message::new(Role::System, "s"), Message::new(Role::User, "u")];
    let (cancelled, marks) = (Cancelled::default(), Marks::default());
    let scene = Scene {
        messages: &messages,
        tools: &[],
        thinking: false,
        cancelled: &cancelled,
        marks: &marks,
    };
    let (bos, eos) = (String::new(), String::new());
    let template =
        Template::new(&Fixture { template: source.to_owned(), bos, eos }).expect("a template");
    let mut plain = minijinja::Environment::new();
    let mut syntax = minijinja::syntax::SyntaxConfig::builder();
    plain.set_syntax(syntax.trim_blocks(true).lstrip_blocks(true).build().unwrap());
    plain.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    plain.add_template("plain", source).expect("valid without guards");
    let values = super::message_values(&messages, super::Wishes::default(), &marks);
    let context = minijinja::context! { messages => super::Value::from(super::Serde(values)) };
    let expected = plain.get_template("plain").unwrap().render(context).unwrap();
    assert!(expected.len() > 100, "{expected}");
    assert_eq!(template.render(scene).unwrap(), expected);
}

/// Slices are Python's, also where minijinja's own panic.
#[test]
fn a_slice_may_be_of_nothing() {
    let cases = [
        ("''[::-1]", ""),
        ("[][::-1]", "[]"),
        ("'abc'[0:2:-1]", ""),
        ("'abc'[::-9223372036854775807]", "c"),
        ("'abc'[::9223372036854775807]", "a"),
        ("'abc'[-9:9]", "abc"),
        ("'abc'[9:-9:-1]", "cba"),
        ("'abc'[2:1]", ""),
        ("('abc')[(1):(2)]", "b"),
        ("{'a': 'xyz'[1:]}['a'][::]", "yz"),
        // minijinja's own reads one too far.
        ("'abcde'[4:0:-2]", "ec"),
        ("none[1:]", "[]"),
    ];
    let (cancelled, marks) = (Cancelled::default(), Marks::default());
    let messages = [Message::new(Role::User, "u")];
    let scene = Scene {
        messages: &messages,
        tools: &[],
        thinking: false,
        cancelled: &cancelled,
        marks: &marks,
    };
    for (expression, expected) in cases {
        let template = format!("{{{{ {expression} }}}}");
        let fixture = Fixture { template, bos: String::new(), eos: String::new() };
        let rendered = Template::new(&fixture).expect(expression).render(scene);
        assert_eq!(rendered.expect(expression), expected, "{expression}");
    }
}
