//! Characters of client text, whose marks are hidden from templates.

use harmonic_batching::Token;
use harmonic_types::{Message, Role};

use super::super::Unmarked;
use super::{Fixture, TaintMarks, Template, TemplateContext};
use crate::chat::taint::unmarked;
use crate::chat::vocabulary::Special;

#[test]
fn a_template_sees_the_characters_of_the_client_only() {
    let special = |text: &str| Special::control(Token(1), text);
    let marks = TaintMarks::of(&[special("<s>"), special("é|")]);
    let question = "<a>é|";
    let marked = marks.text(question);
    assert_ne!(marked, question);
    let messages = [Message::new(Role::User, question)];
    let cases = [
        ("c[0]", "<"),
        ("c[-1]", "|"),
        ("c[2] ~ c[3]", ">é"),
        ("c[9] is defined", "False"),
        ("c | first", "<"),
        ("c | last", "|"),
        ("c | list | length", "5"),
        ("c | list | join('.')", "<.a.>.é.|"),
        ("c | join('.')", "<.a.>.é.|"),
        ("c | reverse", "|é>a<"),
        ("c | length", "5"),
        ("c | map('upper') | join", "<A>É|"),
        ("c | select('equalto', 'a') | list | length", "1"),
        ("(c | sort)[0]", "<"),
        ("c[0] == '<' and c[0] in '<>' and c[0] is eq('<')", "True"),
        ("c.startswith('<a') and c.endswith('é|')", "True"),
        ("c.find('é')", "3"),
        ("c[c.find('é')]", "é"),
        ("c[1:3][1]", ">"),
        ("{'<a>': 1}[c[0:3]] is defined", "True"),
    ];
    let (bos, eos, plain) = (String::new(), String::new(), Unmarked::default());
    let context = TemplateContext { marks: &marks, ..plain.context(&messages) };
    for (expression, expected) in cases {
        let template =
            format!("{{% set c = messages[0].content %}}{{{{ c }}}}:{{{{ {expression} }}}}");
        let fixture = Fixture { template, bos: bos.clone(), eos: eos.clone() };
        let rendered =
            Template::new(&fixture).expect(expression).render(context).expect(expression);
        assert_eq!(unmarked(&rendered), format!("{question}:{expected}"), "{expression}");
    }
    let loops = "{{ messages[0].content }}{% for x in messages[0].content %}{{ loop.index }}{{ x }}{% endfor %}";
    let fixture = Fixture { template: loops.to_owned(), bos, eos };
    let rendered = Template::new(&fixture).expect("a template").render(context).expect("a prompt");
    assert_eq!(unmarked(&rendered), "<a>é|1<2a3>4é5|");
    // The marks are still beside their characters.
    assert_ne!(rendered, unmarked(&rendered));
}
