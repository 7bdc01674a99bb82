//! Hostile templates.

use std::sync::Arc;

use harmonic_types::{Message, Prompt, Role, ToolChoice};

use super::super::{Budget, Chat};
use super::{ByteVocabulary, agent, chat, prompt, rendered};

fn refusal(template: String) -> String {
    let template: &'static str = Box::leak(template.into_boxed_str());
    match Chat::new(Arc::new(ByteVocabulary(Some(template)))) {
        Ok(_) => panic!("{} bytes were taken: {:.80}", template.len(), template),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_template_that_runs_away_fails_the_start() {
    let long = "a".repeat(300_000);
    let grown = |step: &str| {
        format!(
            "{{% set n = namespace(x='ab', l=[1], m={{}}) %}}{{% for i in range(60) %}}{step}{{% endfor %}}\
             {{{{ n.x }}}}"
        )
    };
    let loops = "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}x\
                 {% endfor %}{% endfor %}{% endfor %}";
    let cases = [
        loops.to_owned(),
        grown("{% set n.x = n.x + n.x %}"),
        grown("{% set n.x = n.x ~ n.x %}"),
        grown("{% set n.x = '' ~ n.x ~ n.x %}"),
        grown("{% set n.x = n.x * 9 %}"),
        grown("{% set n.x = [n.x, n.x] | join %}"),
        grown("{% set n.x = n.x | replace('a', n.x) %}"),
        grown("{% set n.x = n.x.replace('b', n.x) %}"),
        grown("{% set n.x = n.x.join([n.x, n.x, n.x]) %}"),
        grown("{% set n.x = '{}{}'.format(n.x, n.x) %}"),
        grown("{% set n.x = [n.x, n.x] | tojson %}"),
        grown("{% set n.x = [n.x, n.x] | string %}"),
        grown("{% set n.x = ((n.x + '\n') * 3) | indent(99) %}"),
        grown("{% set x %}{{ n.x }}{{ n.x }}{% endset %}{% set n.x = x %}"),
        grown("{% set n.l = n.l + n.l %}{% set n.x = n.l | length %}"),
        grown("{% set n.l = [n.l, n.l] %}"),
        grown("{% set n.l = {'a': n.l, 'b': n.l} %}"),
        grown("{% set n.l = [n.l, n.l] %}{% set n.x = n.l == n.l %}"),
        grown("{% set n.m = n %}{% set n.x = n | tojson %}"),
        "{% set n = namespace(l=[]) %}{% for i in range(90000) %}{% set n.l = [n.l] %}{% endfor %}"
            .to_owned(),
        "{% set n = namespace(l=1) %}{% for i in range(90000) %}{% set n.l = namespace(l=n.l) %}\
         {% endfor %}"
            .to_owned(),
        "{{ 'a' * 99999999 }}".to_owned(),
        "{{ 'a' * 10 ** 12 }}".to_owned(),
        "{{ [1] * 99999999 }}".to_owned(),
        "{{ ((1,) * 99999999) | length }}".to_owned(),
        "{{ 'a' | indent(10 ** 12) }}".to_owned(),
        "{{ '{:>999999999999}'.format('a') }}".to_owned(),
        "{{ range(10 ** 9) | list | length }}".to_owned(),
        "{% macro f(x) %}{{ f(x + x) }}{% endmacro %}{{ f('a') }}".to_owned(),
        "{% for x in ['a'] recursive %}{{ loop([x + x]) }}{% endfor %}".to_owned(),
        format!(
            "{{% set x %}}{{% for i in range(99999) %}}{{% if i %}}{}{{% endif %}}{{% endfor %}}\
                 {{% endset %}}",
            &long[..200_000]
        ),
        "{% include 'chat' %}".to_owned(),
        "{% block a %}{{ self.a() }}{% endblock %}".to_owned(),
        long,
    ];
    for template in cases {
        let shown: String = template.chars().take(160).collect();
        let reason = refusal(template);
        assert!(reason.starts_with("the model's chat template "), "{shown}: {reason}");
    }
}

#[test]
fn a_template_that_nests_deeply_is_refused_or_read() {
    let around = |open: &str, inside: &str, close: &str, times: usize| {
        open.repeat(times) + inside + &close.repeat(times)
    };
    for times in [100, 3_000, 30_000, 60_000] {
        for expression in [
            around("(", "1", ")", times),
            around("[", "1", "]", times),
            around("-", "1", "", times),
            around("not ", "1", "", times),
            around("1 + ", "1", "", times),
            around("1 if 1 else ", "1", "", times),
            around("'a' ~ ", "'b'", "", times),
            around("", "x", ".a", times),
            around("", "x", "|string", times),
            around("", "x", " is string", times),
            around("{'a': ", "1", "}", times),
        ] {
            // Only checks that it returns: a stack overflow would end the process.
            let text = format!("{{{{ {expression} }}}}");
            let template: &'static str = Box::leak(text.into_boxed_str());
            let _read = Chat::new(Arc::new(ByteVocabulary(Some(template))));
        }
        for statements in [
            around("{% if 1 %}", "x", "{% endif %}", times),
            "{% if 0 %}a".to_owned() + &"{% elif 0 %}b".repeat(times.min(15_000)) + "{% endif %}",
            around("{% for x in [1] %}", "x", "{% endfor %}", times),
        ] {
            let template: &'static str = Box::leak(statements.into_boxed_str());
            let _read = Chat::new(Arc::new(ByteVocabulary(Some(template))));
        }
    }
}

#[test]
fn a_refusal_says_what_the_template_says() {
    let reason = refusal("{{ raise_exception('this model only draws') }}".to_owned());
    assert_eq!(reason, "the model's chat template refuses a plain question: this model only draws");
}

#[test]
fn a_template_may_run_away_later() {
    let later = chat(Some(
        "{% for m in messages %}{{ m.content }}{% endfor %}{% if messages[-1].content == 'go' %}\
         {% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}{% endif %}",
    ));
    assert_eq!(rendered(&later, &prompt(&[(Role::User, "stay")])), "You code.stay");
    let go = Prompt::chat(vec![Message::new(Role::User, "go")]);
    let refused = later.render(&agent(), &go, None, &ToolChoice::Auto, &Budget::default());
    assert!(refused.unwrap_err().to_string().contains("refuses this conversation"));
}
