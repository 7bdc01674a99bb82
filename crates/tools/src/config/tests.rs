use super::*;
use proptest::prelude::*;

fn variables() -> BTreeMap<String, String> {
    [("HOME", "/home/me"), ("TOKEN", "s3cret"), ("EMPTY", "")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

fn parse(text: &str) -> Result<McpConfig, ConfigError> {
    McpConfig::parse(text, &variables())
}

fn problem(text: &str) -> String {
    parse(text).expect_err("a fault").to_string()
}

#[test]
fn a_file_of_claude_code_is_read() {
    let config = parse(
        r#"{"mcpServers": {
            "files": {"command": "npx", "args": ["-y", "server", "${HOME}/docs"],
                      "env": {"KEY": "${TOKEN}", "MODE": "${MODE:-fast}", "E": "${EMPTY:-x}"}},
            "far away": {"type": "http", "url": "https://mcp.example/${env:TOKEN}",
                     "headers": {"Authorization": "Bearer ${TOKEN}"}},
            "off": {"command": "x", "disabled": true}
        }}"#,
    );
    let servers = config.expect("valid").servers;
    let env = [("E", "x"), ("KEY", "s3cret"), ("MODE", "fast")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let files = Endpoint::Stdio {
        command: "npx".into(),
        args: vec!["-y".into(), "server".into(), "/home/me/docs".into()],
        env: env.into(),
        cwd: None,
    };
    let remote = Endpoint::Http {
        url: "https://mcp.example/s3cret".into(),
        headers: [("Authorization".to_owned(), "Bearer s3cret".to_owned())].into(),
        is_told_run: false,
    };
    let expected = [("files", files), ("far_away", remote)]
        .map(|(name, endpoint)| ServerConfig { name: name.into(), endpoint });
    assert_eq!(servers, expected);
}

#[test]
fn a_server_elsewhere_is_told_the_run_where_its_headers_ask_for_it() {
    let asks = r#", "headers": {"Harmonic-Run": "token"}"#;
    for (url, headers, expected) in [
        ("http://127.0.0.1:1/mcp", "", true),
        ("http://localhost/mcp", asks, true),
        ("https://mcp.example", "", false),
        ("https://mcp.example", asks, true),
    ] {
        let text = format!(r#"{{"mcpServers": {{"a": {{"url": "{url}"{headers}}}}}}}"#);
        let Endpoint::Http { headers, is_told_run, .. } =
            parse(&text).expect("valid").servers.remove(0).endpoint
        else {
            panic!("{text}");
        };
        assert_eq!((is_told_run, headers.len()), (expected, 0), "{text}");
    }
}

#[test]
fn a_file_of_vs_code_is_read() {
    let config = parse(
        r#"{"inputs": [], "servers": {"a": {"type": "stdio", "command": "a"},
            "b": {"url": "http://127.0.0.1:1/mcp"}}}"#,
    );
    assert_eq!(config.expect("valid").servers.len(), 2);
}

#[test]
fn what_is_not_supported_is_named_with_its_server_and_field() {
    let server = |entry: &str| problem(&format!(r#"{{"mcpServers": {{"s": {entry}}}}}"#));
    for (entry, expected) in [
        (
            r#"{"url": "http://x", "headers": {"harmonic-run": "hrt_1"}}"#,
            "field `headers.harmonic-run`: expected the value `token`",
        ),
        (r#"{"type": "sse", "url": "http://x"}"#, "field `type`: the transport `sse`"),
        (r#"{"type": "ws", "url": "http://x"}"#, "invalid type `ws`"),
        ("{}", "missing field `command`"),
        (r#"{"type": "http"}"#, "missing field `url`"),
        (r#"{"type": "stdio", "url": "http://x"}"#, "missing field `command`"),
        (r#"{"command": "x", "url": "http://x"}"#, "field `command` is not supported"),
        (r#"{"command": "x", "headers": {}}"#, "field `headers` is not supported"),
        (r#"{"command": 1}"#, "invalid field `command`: expected a text"),
        (r#"{"command": ""}"#, "field `command` is empty"),
        (r#"{"command": "x", "args": "y"}"#, "invalid field `args`: expected a list of texts"),
        (r#"{"command": "x", "args": [1]}"#, "invalid field `args`"),
        (r#"{"command": "x", "env": {"A": 1}}"#, "invalid field `env.A`: expected a text"),
        (r#"{"command": "x", "env": {"A=B": "1"}}"#, "invalid name of a variable `A=B`"),
        (r#"{"command": "x\u0000y"}"#, "NUL"),
        (r#"{"command": "x", "autoApprove": []}"#, "field `autoApprove` is not supported"),
        (r#"{"command": "x", "timeout": 3}"#, "field `timeout` is not supported"),
        (r#"{"url": "http://x", "oauth": {}}"#, "put the header `Authorization`"),
        (r#"{"url": "ftp://x"}"#, "invalid url `ftp://x`"),
        (r#"{"command": "${NOPE}"}"#, "field `command`: variable `NOPE` is not set"),
        (r#"{"command": "${NOPE"}"#, "expected `}`"),
        (r#"{"command": "${workspace Folder}"}"#, "invalid variable"),
        (r#"{"command": "${input:key}"}"#, "invalid variable"),
    ] {
        let found = server(entry);
        assert!(found.starts_with("invalid MCP server `s`"), "{found}");
        assert!(found.contains(expected), "{entry}: {found}");
    }
}

#[test]
fn a_document_of_another_form_is_refused() {
    for (text, expected) in [
        ("", "EOF"),
        ("[]", "expected an object"),
        ("{}", "missing field `mcpServers`"),
        (r#"{"mcpservers": {}}"#, "unknown field `mcpservers`"),
        (r#"{"mcpServers": {}, "servers": {}}"#, "expected one"),
        (r#"{"mcpServers": []}"#, "field `mcpServers`"),
        (r#"{"mcpServers": {"a": []}}"#, "server `a`"),
        (r#"{"mcpServers": {"a": {"command": "x"}, "a": {"command": "y"}}}"#, "`a` stands twice"),
        (r#"{"mcpServers": {"a b": {"command": "x"}, "a_b": {"command": "y"}}}"#, "rename one"),
        (r#"{"mcpServers": {"a": {"env": {"A": "1", "A": "2"}}}}"#, "`A` stands twice"),
        (r#"{"mcpServers": {"workspace": {"command": "x"}}}"#, "built-in tools"),
        (r#"{"mcpServers": {"": {"command": "x"}}}"#, "invalid name"),
        (r#"{"inputs": [{"id": "k"}], "servers": {}}"#, "field `inputs`"),
    ] {
        let found = problem(text);
        assert!(found.contains(expected), "{text}: {found}");
    }
}

#[test]
fn what_stands_for_a_variable_is_not_expanded_again() {
    let variables = [("A".to_owned(), "${B} $C".to_owned())].into();
    assert_eq!(variables::expand("$A ${A}${A:-x}", &variables), Ok("$A ${B} $C${B} $C".to_owned()));
}

proptest! {
    #[test]
    fn no_text_breaks_the_reader(text in r#"[\{\}\[\]":,$a-b \\0-9]{0,60}"#) {
        let _either = parse(&text);
        let quoted = serde_json::to_string(&text).expect("a string");
        let _either = parse(&format!(r#"{{"mcpServers": {{{quoted}: {{"command": {quoted}}}}}}}"#));
    }
}
