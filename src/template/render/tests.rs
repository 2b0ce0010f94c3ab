use serde_json::json;

use super::{super::Variable, *};
use crate::model::Secret;

fn variables() -> Variables {
    let secret = |text: &str| Variable::Secret(Secret::new(text.to_owned()));
    [
        ("recipient", json!("sales@acme.example").into()),
        ("site", json!("acme.example").into()),
        ("port", json!(8080).into()),
        ("ratio", json!(0.5).into()),
        ("huge", json!(1e300).into()),
        ("debug", json!(false).into()),
        ("nothing", json!(null).into()),
        ("names", json!(["b", "a", "b"]).into()),
        ("labels", json!({"zeta": 1, "alpha": "x"}).into()),
        ("hostile", json!("{{ password }} $(id) `id` '; DROP").into()),
        ("twin", json!("hunter2!hunter2!").into()),
        ("password", secret("hunter2!hunter2!")),
        (
            "smtp",
            Variable::Map(vec![
                ("host".into(), json!("mail.example").into()),
                ("password".into(), secret("s3cr3t-smtp")),
            ]),
        ),
        ("tokens", Variable::List(vec![json!("public").into(), secret("tok-0123456789")])),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

fn render(text: &str) -> Result<Content, String> {
    Templates::new().render("t.j2", text, &variables()).map_err(|problem| problem.to_string())
}

#[track_caller]
fn gives(text: &str, expected: &str) {
    let content = render(text).unwrap_or_else(|problem| panic!("{text}: {problem}"));
    assert_eq!(std::str::from_utf8(content.bytes()).unwrap(), expected, "{text}");
    assert!(!content.is_tainted(), "{text} is tainted");
}

#[track_caller]
fn fails(text: &str, expected: &str) -> String {
    let problem = match render(text) {
        Ok(content) => panic!("{text} gave {}", String::from_utf8_lossy(content.bytes())),
        Err(problem) => problem,
    };
    assert!(problem.contains(expected), "{text}: {problem}");
    assert!(problem.starts_with("t.j2:"), "{problem}");
    problem
}

#[test]
fn text_comes_out_as_jinja_would_write_it() {
    gives("a\n", "a\n");
    gives("a", "a");
    gives("a\n\n", "a\n\n");
    gives("a\r\nb\r", "a\nb\n");
    gives("{% if true %}\nx\n{% endif %}\ny\n", "x\ny\n");
    gives("  {% if true %}\nx\n  {% endif %}\n", "  x\n  ");
    gives("{# note #}\nx", "x");
    gives("{{ recipient }}:{{ port }} {{ ratio }} {{ 2.0 }}", "sales@acme.example:8080 0.5 2.0");
    gives("{{ debug }} {{ true }} {{ debug | lower }}", "False True false");
    gives("{{ '<&>' }}", "<&>");
    gives("{% for key in labels %}{{ key }}={{ labels[key] }};{% endfor %}", "zeta=1;alpha=x;");
    gives("{% raw %}{{ x }}{% endraw %}", "{{ x }}");
    gives("{{ missing | default('d') }} {{ nothing | default('e', true) }}", "d e");
    gives("{% if missing is defined %}x{% endif %}", "");
    gives("{% set a = 1 %}{% macro m(x) %}[{{ x }}]{% endmacro %}{{ m(a) }}", "[1]");
}

#[test]
fn the_filters_do_what_ansible_s_do() {
    gives("{{ names | join(', ') }} {{ names | unique | sort | join }}", "b, a, b ab");
    gives("{{ names | length }} {{ names | first }} {{ names | last }}", "3 b b");
    gives("{{ names | map('upper') | join }} {{ [1, true, 1.0] | join(',') }}", "BAB 1,True,1.0");
    gives("{{ [1,2,3,4] | select('even') | join(',') }}", "2,4");
    gives("{{ 'yes' | bool }} {{ 'off' | bool }} {{ 1 | bool }}", "True False True");
    gives("{{ 'a/b/c.txt' | basename }} {{ 'a/b/c.txt' | dirname }}", "c.txt a/b");
    gives("{{ 'hi' | b64encode }} {{ 'aGk=' | b64decode }}", "aGk= hi");
    gives("{{ \"it's\" | quote }} {{ 'plain' | quote }}", "'it'\"'\"'s' plain");
    gives("{{ \"it's\" | php }} {{ names | php }}", "'it\\'s' ['b', 'a', 'b']");
    gives("{{ labels | to_json }}", "{\"zeta\": 1, \"alpha\": \"x\"}");
    gives("{{ labels | json }}", "{\"zeta\":1,\"alpha\":\"x\"}");
    gives("{{ labels | to_nice_json }}", "{\n    \"alpha\": \"x\",\n    \"zeta\": 1\n}");
    gives("{{ '</script>' | json }}", "\"\\u003c/script\\u003e\"");
    gives("{{ 'a b' | urlencode }} {{ '<' | e }}", "a%20b &lt;");
    gives("{{ debug | ternary('on', 'off') }} {{ ' x ' | trim }}", "off x");
    gives("{{ 'a-b' | replace('-', '_') | upper }} {{ '7' | int + 1 }}", "A_B 8");
    gives("{% for i in range(3) %}{{ i }}{% endfor %}", "012");
}

#[test]
fn values_are_data_and_never_templates() {
    gives("{{ hostile }}", "{{ password }} $(id) `id` '; DROP");
}

#[test]
fn a_mistake_is_told_with_its_place_and_a_way_out() {
    let problem = fails("a\nTo: {{ recipent }}\n", "the variable `recipent` is not defined");
    assert_eq!(
        problem,
        "t.j2:2:8: the variable `recipent` is not defined\n  2 | To: {{ recipent }}\n    |        ^\n  hint: did you mean `recipient`?"
    );
    fails("{{ recipient | uper }}", "there is no filter `uper` in templates\n");
    fails("{{ recipient | uper }}", "did you mean `upper`?");
    fails("{{ x_y_z }}", "`x_y_z | default(\"…\")`");
    fails("{% if missing %}{% endif %}", "`missing` is not defined");
    fails("{{ labels.zetta }}", "not defined");
    fails("{% if x %}", "t.j2:1:");
    fails("{{ nothing }}", "the value is null");
    fails("{{ names }}", "a list is not text");
    fails("{{ labels }}", "a mapping is not text");
    fails("{{ huge }}", "write it as text");
    fails("{{ 'maybe' | bool }}", "neither yes nor no");
    fails("{% include 'x' %}", "cannot include");
    fails("{% extends 'x' %}", "cannot include");
    fails("{{ 1 is evn }}", "there is no test `evn`");
    fails("{{ rnge(3) }}", "rnge");
    fails("{{ recipient | pprint }}", "no filter `pprint`");
    fails("{{ recipient | safe }}", "no filter `safe`");
    fails("{{ debug() }}", "t.j2:1");
    fails(
        "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
        "too long",
    );
}

#[test]
fn every_filter_that_is_offered_exists() {
    let all = filters::FILTERS.iter().map(|name| format!("{{{{ 1 | {name} }}}}"));
    let tests = filters::TESTS.iter().filter(|name| name.starts_with(char::is_alphabetic));
    let tests = tests.map(|name| format!("{{% if 1 is {name} %}}{{% endif %}}"));
    for text in all.chain(tests) {
        if let Err(problem) = render(&text) {
            assert!(!problem.contains("there is no"), "{text}: {problem}");
        }
    }
}

#[test]
fn whatever_reads_a_secret_is_tainted() {
    for text in [
        "{{ password }}",
        "{{ password | upper }}",
        "{{ password | length }}",
        "{{ password | b64encode }}",
        "{% if password %}x{% endif %}",
        "{% if password == 'hunter2!hunter2!' %}x{% endif %}",
        "{% set p = password %}x",
        "{{ smtp.password }}",
        "{{ smtp['password'] }}",
        "{{ smtp | to_json }}",
        "{{ smtp.values() | join }}",
        "{{ smtp.get('password') }}",
        "{% for k, v in smtp.items() %}{{ k }}{% endfor %}",
        "{{ password.split('!') | first }}",
        "{{ smtp | php }}",
        "{{ tokens | join(',') }}",
        "{{ tokens | last }}",
        "{{ tokens[1] }}",
        "{{ tokens[-1] }}",
        "{% for token in tokens %}.{% endfor %}",
        "{% for k, v in smtp | items %}{{ k }}{% endfor %}",
        "{% for k, v in smtp | dictsort %}{{ k }}{% endfor %}",
        "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(password) }}",
        "{{ [password, 'a'] | sort | first }}",
        // Not read, but there.
        "{{ twin }}",
        "{{ twin | b64encode }}",
        "{{ twin | upper }}",
        "{{ ('user:' ~ twin) | b64encode }}",
        "{{ twin | urlencode }}",
        "{{ twin | reverse }}",
        "hunter2!hunter2!",
    ] {
        let content = render(text).unwrap_or_else(|problem| panic!("{text}: {problem}"));
        assert!(content.is_tainted(), "{text}");
    }
    gives(
        "{{ smtp.host }} {{ tokens[0] }} {{ tokens | length }} {{ smtp | length }}",
        "mail.example public 2 2",
    );
    gives("{% if false %}{{ password }}{% endif %}", "");
    gives("{% for key in smtp %}{{ key }} {% endfor %}", "host password ");
}

#[test]
fn no_error_shows_a_secret() {
    for text in [
        "{{ password | int }}",
        "{{ password | b64decode }}",
        "{{ password | bool }}",
        "{{ password + 1 }}",
        "{{ password() }}",
        "{{ password.foo.bar }}",
        "{{ labels[password] }}",
        "{{ smtp }}",
        "{{ tokens }}",
        "{{ smtp | int }}",
        "{{ tokens | abs }}",
        "{% include password %}",
        "{{ range(password) }}",
        "{{ twin | int }}",
        "{{ 1 is divisibleby(password) }}",
        "{{ recipient | attr(password) }}",
        "{{ names | map(password) | join }}",
    ] {
        let Err(problem) = render(text) else { continue };
        for secret in ["hunter2", "s3cr3t", "tok-01"] {
            assert!(!problem.contains(secret), "{text}: {problem}");
        }
    }
    let secret = Variable::Secret(Secret::new("hunter2!".to_owned()));
    assert!(!format!("{secret:?}").contains("hunter2"));
}

#[test]
fn a_short_text_is_one_line_without_secrets() {
    let at = Position { file: "feature.yml".into(), line: 7, column: 9 };
    let line = |text: &str| {
        Templates::new().render_line(&at, text, &variables()).map_err(|problem| problem.to_string())
    };
    assert_eq!(line("/srv/{{ site }}/x").unwrap(), "/srv/acme.example/x");
    for (text, why) in [
        ("/srv/{{ stie }}", "feature.yml:7:9: the variable `stie` is not defined"),
        ("/srv/{{ password }}", "feature.yml:7:9: a secret would be shown"),
        ("/srv/{{ twin }}", "a secret would be shown"),
        ("/srv/{{ 'a\\nb' }}", "should be one line"),
        ("/srv/{{ site", "feature.yml:7:9: "),
    ] {
        let problem = line(text).unwrap_err();
        assert!(problem.contains(why), "{text}: {problem}");
    }
}

/// The file is checked against the real Jinja2 by `tests/diff/templates.py`.
#[test]
fn templates_give_the_same_bytes_as_jinja_or_stop() {
    let file = include_str!("../../../tests/cases/template/jinja.yml");
    let mut problems = crate::model::Problems::default();
    let node = crate::model::yaml::parse("jinja.yml", file).expect("good YAML");
    let document = node.to_value(&mut problems).expect("values");
    let variables: Variables = document["vars"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.clone(), value.clone().into()))
        .collect();
    let templates = Templates::new();
    let mut failures = Vec::new();
    for case in document["cases"].as_array().unwrap() {
        let text = case["template"].as_str().unwrap();
        let found = templates
            .render("t.j2", text, &variables)
            .map(|content| String::from_utf8_lossy(content.bytes()).into_owned())
            .map_err(|problem| problem.message);
        let good = match (&found, case["gives"].as_str(), case["refused"].as_str()) {
            (Ok(found), Some(gives), None) => found == gives,
            (Err(said), None, Some(part)) => said.contains(part),
            _ => false,
        };
        if !good {
            failures.push(format!("{text:?}\n  found  {found:?}\n  wanted {case}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
