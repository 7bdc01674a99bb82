//! Thinking variables of public templates.

use harmonic_types::{Effort, Thinking};

use super::{Fixture, Template, said};

const ON: Thinking = Thinking::On(None);
const OFF: Thinking = Thinking::Off;
const LOW: Thinking = Thinking::On(Some(Effort::Low));
const MEDIUM: Thinking = Thinking::On(Some(Effort::Medium));
const HIGH: Thinking = Thinking::On(Some(Effort::High));

fn template(end: &str) -> String {
    ["{% for m in messages %}{{ m.content }}{% endfor %} ", end].concat()
}

fn can_forgo(end: &str) -> bool {
    let fixture = Fixture { template: template(end), bos: String::new(), eos: String::new() };
    Template::new(&fixture).expect("a template").can_forgo_thinking()
}

#[test]
fn each_switch_is_told_where_it_is_read() {
    let cases = [
        (
            "{{ 'no' if enable_thinking is defined and not enable_thinking else 'yes' }}",
            "yes",
            "no",
        ),
        ("{% if thinking %}yes{% else %}no{% endif %}", "yes", "no"),
        (
            "{% if not thinking is defined %}{% set thinking = false %}{% endif %}{{ thinking }}",
            "True",
            "False",
        ),
        (
            "{% set reasoning = reasoning if reasoning is not undefined else true %}{{ reasoning }}",
            "True",
            "False",
        ),
        ("{{ thinking_mode }}", "enabled", "disabled"),
        ("{{ thinking_option | default('on') }}", "on", "off"),
        ("{{ thinking_budget | default('any') }}", "any", "0"),
        // Among the values for no effort, the one that the template knows.
        ("{{ 'no' if reasoning_effort == 'none' else 'yes' }}", "yes", "no"),
        (
            "{{ 'no' if (reasoning_effort or 'high') in ['minimal', 'low'] else 'yes' }}",
            "yes",
            "no",
        ),
        // It does not think by default.
        (
            "{% set e = reasoning_effort | default('no_think') %}\
          {% if e not in ['no_think', 'low', 'high'] %}{{ raise_exception('e') }}{% endif %}{{ e }}",
            "high",
            "no_think",
        ),
    ];
    for (end, on, off) in cases {
        let said = |thinking| said(&template(end), "u", thinking);
        assert_eq!(said(ON), Ok(format!("u {on}")), "{end}");
        assert_eq!(said(OFF), Ok(format!("u {off}")), "{end}");
        assert!(can_forgo(end), "{end}");
    }
}

#[test]
fn an_effort_is_told_in_the_words_that_the_template_takes() {
    let shown = template("{{ reasoning_effort | default('medium') }}");
    let all = [ON, LOW, MEDIUM, HIGH, OFF];
    // A template that prints any value cannot switch thinking off: it gets the lowest effort.
    assert_eq!(
        all.map(|thinking| said(&shown, "u", thinking).unwrap()),
        ["u medium", "u low", "u medium", "u high", "u low"]
    );
    assert!(!can_forgo("{{ reasoning_effort | default('medium') }}"));
    let strict = template(
        "{% set e = thinking_effort | default('max') %}{% if thinking and e not in ['low', 'high', \
         'max'] %}{{ raise_exception('e') }}{% endif %}{{ e if thinking else 'no' }}",
    );
    assert_eq!(
        all.map(|thinking| said(&strict, "u", thinking).unwrap()),
        ["u max", "u low", "u high", "u high", "u no"]
    );
}

#[test]
fn a_template_that_reads_no_switch_cannot_be_told() {
    assert!(!can_forgo("<think>\n"));
    // A name that it sets itself is not read.
    assert!(!can_forgo("{% set thinking = true %}{{ thinking }}"));
    assert_eq!(said(&template("{{ m is defined }}"), "u", OFF).unwrap(), "u False");
}
