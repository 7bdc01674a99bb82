//! Templates with guards.

mod characters;
mod lists;
mod public;
mod thinking;

use harmonic_batching::Token;
use harmonic_types::{Message, Role, Thinking};

use super::{TaintMarks, Template, TemplateContext, Unmarked, Vocabulary, source};

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

/// Output of `template` for a question.
fn said(template: &str, question: &str, thinking: Thinking) -> Result<String, String> {
    let fixture = Fixture { template: template.to_owned(), bos: String::new(), eos: String::new() };
    let template = Template::new(&fixture).map_err(|error| error.to_string())?;
    let messages = [Message::new(Role::User, question)];
    let unmarked = Unmarked::default();
    let context = TemplateContext { thinking, ..unmarked.context(&messages) };
    template.render(context).map_err(|error| error.to_string())
}

/// Constructs of public templates beyond Jinja itself.
#[test]
fn what_transformers_adds_to_jinja_is_known() {
    let template = |template: &str| {
        let (bos, eos) = (String::new(), String::new());
        Template::new(&Fixture { template: template.to_owned(), bos, eos }).expect("a template")
    };
    let messages = [Message::new(Role::System, "s"), Message::new(Role::User, "u")];
    let unmarked = Unmarked::default();
    let context = unmarked.context(&messages);
    let generation = "{% for m in messages %}{{ m.role }}:\n{%- generation %} {{ m.content }}\
                      {%- endgeneration -%}\n;{% endfor %}";
    assert_eq!(template(generation).render(context).unwrap(), "system: s;user: u;");
    let dated = template("{{ strftime_now('%Y-%m-%d') }}{{ messages[-1].content }}");
    let dated = dated.render(context).unwrap();
    assert!(dated.len() == 11 && dated.starts_with("20") && dated.ends_with('u'), "{dated}");
    let parts =
        "{% for m in messages %}{% for p in m.content %}{{ p.text }}{% endfor %}{% endfor %}";
    assert_eq!(template(parts).render(context).unwrap(), "su");
    let escaped =
        r#"{{ ["é😀a"] | tojson(ensure_ascii=True) }}{{ 'a\n\nb\n' | indent(2, first=true) }}"#;
    let expected = "[\"\\u00e9\\ud83d\\ude00a\"]  a\n\n  b\n";
    assert_eq!(template(escaped).render(context).unwrap(), expected);
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

/// Guards do not change the output.
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
    let unmarked = Unmarked::default();
    let context = unmarked.context(&messages);
    let (bos, eos) = (String::new(), String::new());
    let template =
        Template::new(&Fixture { template: source.to_owned(), bos, eos }).expect("a template");
    let mut plain = minijinja::Environment::new();
    let mut syntax = minijinja::syntax::SyntaxConfig::builder();
    plain.set_syntax(syntax.trim_blocks(true).lstrip_blocks(true).build().unwrap());
    plain.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    plain.add_template("plain", source).expect("valid without guards");
    let values =
        super::message_values(&messages, super::TemplateCapabilities::default(), context.marks);
    let plain_values = minijinja::context! { messages => super::Value::from(super::Serde(values)) };
    let expected = plain.get_template("plain").unwrap().render(plain_values).unwrap();
    assert!(expected.len() > 100, "{expected}");
    assert_eq!(template.render(context).unwrap(), expected);
}

/// Slices work as in Python, also where minijinja's own panic.
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
        // minijinja's own reads one item too far.
        ("'abcde'[4:0:-2]", "ec"),
        ("none[1:]", "[]"),
    ];
    let unmarked = Unmarked::default();
    let messages = [Message::new(Role::User, "u")];
    let context = unmarked.context(&messages);
    for (expression, expected) in cases {
        let template = format!("{{{{ {expression} }}}}");
        let fixture = Fixture { template, bos: String::new(), eos: String::new() };
        let rendered = Template::new(&fixture).expect(expression).render(context);
        assert_eq!(rendered.expect(expression), expected, "{expression}");
    }
}
