//! Mutable lists.

use super::{Thinking, said};

fn shown(template: &str) -> Result<String, String> {
    said(template, "u", Thinking::Off)
}

#[test]
fn a_list_is_changed_in_place() {
    let cases = [
        ("{% set a = [] %}{% set _ = a.append(1) %}{% set _ = a.append('x') %}{{ a }}", "[1, 'x']"),
        (
            "{% set q = namespace(ids=[]) %}{% for i in range(3) %}{% set _ = q.ids.append(i) %}\
          {% endfor %}{{ q.ids.pop(0) }}{{ q.ids.pop() }}{{ q.ids }}",
            "02[1]",
        ),
        ("{% set a = [1, 2] %}{% set b = a %}{% set _ = b.append(3) %}{{ a | length }}", "3"),
        ("{% set a = [1] %}{% set b = a + [2] %}{% set _ = a.append(9) %}{{ b }}", "[1, 2]"),
        (
            "{% set a = [1] %}{% set _ = a.extend([2, 3]) %}{% set _ = a.insert(0, 0) %}\
          {% set _ = a.remove(2) %}{% set _ = a.reverse() %}{{ a }}",
            "[3, 1, 0]",
        ),
        (
            "{% set a = [1, 2, 3] %}{% set b = a[1:] %}{% set _ = b.pop() %}{{ a }}{{ b }}",
            "[1, 2, 3][2]",
        ),
        (
            "{% set a = 'x y'.split() %}{% do a.append('z') %}{{ a | join('-') }}{{ a[-1] }}",
            "x-y-zz",
        ),
        (
            "{% set a = [1] %}{% do a.clear() %}{{ 'full' if a else 'empty' }}{{ a is sequence }}",
            "emptyTrue",
        ),
        (
            "{% set a = [1, 2] %}{% do a.append(3) %}{{ 3 in a }}{{ a == [1, 2, 3] }}{{ a | tojson }}",
            "TrueTrue[1, 2, 3]",
        ),
    ];
    for (template, expected) in cases {
        assert_eq!(shown(template).as_deref(), Ok(expected), "{template}");
    }
    let popped = shown("{% set a = [] %}{{ a.pop() }}").unwrap_err();
    assert!(popped.contains("no item -1 to pop in a list of 0"), "{popped}");
}

/// Otherwise a value could contain itself, or nest too deeply for recursive readers.
#[test]
fn a_list_in_a_list_is_changed_no_more() {
    for template in [
        "{% set a = [] %}{% do a.append(a) %}{{ a }}",
        "{% set a = [] %}{% set b = [a] %}{% do a.append(b) %}{{ a }}",
        "{% set a = [] %}{% set b = {'k': a} %}{% do a.append(b) %}{{ a }}",
        "{% set n = namespace(x=[]) %}{% for i in range(9999) %}{% set b = [] %}\
         {% do n.x.append([b]) %}{% set n.x = b %}{% endfor %}",
    ] {
        let error = shown(template).unwrap_err();
        assert!(error.contains("a list that is an item of another cannot be changed"), "{error}");
    }
}
