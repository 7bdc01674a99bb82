//! A real browser without a window.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

const INSPECT: &str = include_str!("inspect.js");

/// Colour scheme that a reader prefers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Light,
    Dark,
}

impl Scheme {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// Blink's number of the scheme.
    const fn setting(self) -> &'static str {
        match self {
            Self::Light => "--blink-settings=preferredColorScheme=1",
            Self::Dark => "--blink-settings=preferredColorScheme=0",
        }
    }
}

/// What the inspection found.
#[derive(Debug)]
pub struct Found {
    facts: Vec<(String, String)>,
    pub faults: Vec<String>,
}

impl Found {
    pub fn fact(&self, name: &str) -> &str {
        let fact = self.facts.iter().find(|(known, _)| known == name);
        fact.map_or("", |(_, value)| value.as_str())
    }
}

/// The first browser that is installed, with a profile of its own.
pub struct Browser {
    home: TempDir,
}

impl Browser {
    pub fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    /// Document of `page` once it is loaded.
    pub fn open(&self, page: &str) -> String {
        self.dump(&self.write(page), Scheme::Light)
    }

    /// Inspects `page` in a frame of this width: a window cannot be as narrow as a phone.
    pub fn inspect(&self, page: &str, width: u32, scheme: Scheme) -> Found {
        let content = page.replace('&', "&amp;").replace('"', "&quot;");
        let outer = format!(
            "<!doctype html><meta name=color-scheme content='light dark'>\
             <iframe style='width:{width}px;height:3000px;border:0' srcdoc=\"{content}\"></iframe>\
             <pre id=found></pre><script>{INSPECT}</script>"
        );
        let dom = self.dump(&self.write(&outer), scheme);
        let (_, found) = dom.rsplit_once("<pre id=\"found\">").expect("the place of the findings");
        let (found, _) = found.split_once("</pre>").expect("its end");
        let (facts, faults) = found.lines().map(str::to_owned).partition(|line: &String| {
            line.split_once('=').is_some_and(|(name, _)| name.chars().all(char::is_lowercase))
        });
        let fact = |line: &String| {
            let (name, value) = line.split_once('=').expect("a fact");
            (name.to_owned(), value.to_owned())
        };
        let facts: Vec<String> = facts;
        Found { facts: facts.iter().map(fact).collect(), faults }
    }

    fn write(&self, content: &str) -> String {
        let path = self.home.path().join("report.html");
        std::fs::write(&path, content).unwrap();
        format!("file://{}", path.display())
    }

    fn dump(&self, address: &str, scheme: Scheme) -> String {
        let profile: PathBuf = self.home.path().join("profile");
        let profile = format!("--user-data-dir={}", profile.display());
        let common = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"];
        let rest = [&profile, scheme.setting(), "--window-size=1400,900", "--dump-dom", address];
        let shown = ["chromium", "chromium-browser", "google-chrome"]
            .iter()
            .find_map(|browser| Command::new(browser).args(common).args(rest).output().ok())
            .expect("no chromium in PATH: `make setup` installs it");
        let log = String::from_utf8_lossy(&shown.stderr);
        assert!(shown.status.success() && !log.contains("CONSOLE"), "{log}");
        String::from_utf8(shown.stdout).unwrap()
    }
}
