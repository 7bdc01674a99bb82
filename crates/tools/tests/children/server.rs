//! An MCP server that behaves, or misbehaves, as its mode and its tools say.

use std::io::{self, BufRead, Write};
use std::process::{Child, Command, ExitCode};
use std::time::Duration;

use serde_json::{Value, json};

/// Serves standard input until it ends.
pub fn serve(mode: &str) -> ExitCode {
    match mode {
        "hang-at-start" => sleep_forever(),
        "die-at-start" => {
            eprintln!("starting\nno key: set KEY");
            return ExitCode::from(3);
        }
        "nonsense-at-start" => {
            for line in 0.. {
                if writeln!(io::stdout(), "Welcome to line {line}").is_err() {
                    return ExitCode::SUCCESS;
                }
            }
        }
        "banner" => println!("Welcome!\n\n{{\"a\": \"message of another kind\"}}"),
        "flood-stderr" => {
            std::thread::spawn(|| {
                while writeln!(io::stderr(), "{}", "complaint ".repeat(100)).is_ok() {}
            });
        }
        _ => {}
    }
    let mut server = Server { mode: mode.to_owned(), cancelled: 0, children: Vec::new() };
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        let message: Value = serde_json::from_str(&line).expect("clients send JSON");
        server.answer(&message);
    }
    ExitCode::SUCCESS
}

fn sleep_forever() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn send(message: &Value) {
    // The client may be gone.
    let _gone = writeln!(io::stdout(), "{message}");
    let _gone = io::stdout().flush();
}

fn text(text: impl Into<String>) -> Value {
    json!({"content": [{"type": "text", "text": text.into()}]})
}

struct Server {
    mode: String,
    cancelled: usize,
    /// Started, and left to whoever ends the group.
    children: Vec<Child>,
}

impl Server {
    fn answer(&mut self, message: &Value) {
        let id = message["id"].clone();
        let result = |result: Value| send(&json!({"jsonrpc": "2.0", "id": id, "result": result}));
        match message["method"].as_str().unwrap_or_default() {
            "initialize" => result(json!({
                "protocolVersion": message["params"]["protocolVersion"],
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "test", "version": "1"},
            })),
            "notifications/cancelled" => self.cancelled += 1,
            "tools/list" => result(self.page(message["params"]["cursor"].as_str())),
            "tools/call" => self.call(&message["params"], &id, &result),
            "ping" => result(json!({})),
            _ => {}
        }
    }

    fn page(&self, cursor: Option<&str>) -> Value {
        let tool =
            |name: &str| json!({"name": name, "inputSchema": {"type": "object", "properties": {}}});
        match (self.mode.as_str(), cursor) {
            ("endless-list", _) => {
                let next = cursor.map_or(0, |cursor| cursor.parse::<u32>().unwrap()) + 1;
                json!({"tools": [tool("a")], "nextCursor": next.to_string()})
            }
            ("circular-list", _) => json!({"tools": [tool("a")], "nextCursor": "same"}),
            ("many-tools", _) => {
                let tools: Vec<_> = (0..2000).map(|number| tool(&format!("t{number}"))).collect();
                json!({"tools": tools})
            }
            ("die-in-list", _) => std::process::exit(4),
            (_, None) => {
                let names = [
                    "hang",
                    "stuck",
                    "die",
                    "huge",
                    "many",
                    "trickle",
                    "env",
                    "nonsense",
                    "wrong",
                    "refuse",
                    "cancelled",
                    "process",
                ];
                let tools: Vec<_> = names.map(tool).into();
                json!({"tools": tools, "nextCursor": "2"})
            }
            (_, Some(_)) => json!({"tools": [
                {"name": "echo", "description": "Says it again.", "annotations": {"readOnlyHint": true},
                 "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}},
                                 "required": ["text"], "additionalProperties": false}},
                {"name": "odd name/with:signs", "annotations": {"idempotentHint": true},
                 "inputSchema": {"type": "object"}},
                {"name": "odd name/with signs", "inputSchema": {"type": "object"}},
                {"name": "unusable", "inputSchema": {"$ref": "https://example.org/schema"}},
            ]}),
        }
    }

    fn call(&mut self, params: &Value, id: &Value, result: &dyn Fn(Value)) {
        let arguments = &params["arguments"];
        match params["name"].as_str().unwrap_or_default() {
            "echo" => result(text(arguments["text"].as_str().unwrap_or_default())),
            "hang" => {}
            "stuck" => sleep_forever(),
            "die" => {
                eprintln!("out of memory");
                std::process::exit(5);
            }
            "huge" => {
                print!(
                    "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{\"content\":[{{\"type\":\"text\",\"text\":\""
                );
                let part = "x".repeat(1 << 20);
                for _ in 0..50 {
                    print!("{part}");
                }
                println!("\"}}]}}}}");
            }
            "many" => {
                let block = json!({"type": "text", "text": "x".repeat(500 << 10)});
                result(json!({"content": vec![block; 100]}));
            }
            "trickle" => {
                let answer = json!({"jsonrpc": "2.0", "id": id, "result": text("slow")});
                for byte in format!("{answer}\n").bytes() {
                    let _gone = io::stdout().write_all(&[byte]).and_then(|()| io::stdout().flush());
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            "env" => {
                let said = match arguments["name"].as_str() {
                    Some(name) => std::env::var(name).unwrap_or_default(),
                    None => std::env::vars().map(|(name, _)| name).collect::<Vec<_>>().join(" "),
                };
                result(text(said));
            }
            "nonsense" => {
                for _ in 0..200 {
                    println!("Traceback (most recent call last):");
                }
            }
            "wrong" => result(json!({"tools": []})),
            "refuse" => send(&json!({"jsonrpc": "2.0", "id": id,
                "error": {"code": -32000, "message": "quota\u{1b}[31m exceeded"}})),
            "cancelled" => result(text(self.cancelled.to_string())),
            "process" => {
                let child = Command::new("sleep").arg("1000").spawn().expect("a child");
                result(text(child.id().to_string()));
                self.children.push(child);
            }
            _ => result(
                json!({"isError": true, "content": [{"type": "text", "text": "no such tool"}]}),
            ),
        }
    }
}
