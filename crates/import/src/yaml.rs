//! A YAML text as a tree with lines.
//!
//! Owns the limits. Invariants: a tree has at most [`MAX_NODES`] nodes, [`MAX_BYTES`] bytes of text and
//! [`MAX_DEPTH`] levels, aliases included, each of which is counted as what it stands for; a mapping has
//! a key once; merge keys (`<<`) are applied.
//!
//! Does not do: types of scalars beyond null; each remains its text.

use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use crate::error::ImportError;

/// Maximum nodes of a tree, aliases counted as what they stand for.
const MAX_NODES: usize = 50_000;

/// Maximum bytes of the texts of a tree, counted likewise.
const MAX_BYTES: usize = 8 << 20;

/// Maximum levels of a tree.
const MAX_DEPTH: usize = 32;

/// A value with its first line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) line: usize,
    pub(crate) content: Content,
}

/// Content of a node.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    Null,
    Scalar(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key of a mapping and its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) line: usize,
    pub(crate) key: String,
    pub(crate) value: Node,
}

impl Node {
    /// The text of a scalar.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar(text) => Some(text),
            _ => None,
        }
    }

    /// The entries of a mapping; none of null.
    pub(crate) fn entries(&self) -> Option<&[Entry]> {
        match &self.content {
            Content::Map(entries) => Some(entries),
            Content::Null => Some(&[]),
            _ => None,
        }
    }

    /// The nodes of a list; none of null.
    pub(crate) fn list(&self) -> Option<&[Node]> {
        match &self.content {
            Content::List(nodes) => Some(nodes),
            Content::Null => Some(&[]),
            _ => None,
        }
    }

    /// Nodes, bytes and levels. The recursion is as deep as [`MAX_DEPTH`].
    fn size(&self) -> Size {
        let own = Size { nodes: 1, bytes: 0, depth: 1 };
        match &self.content {
            Content::Null => own,
            Content::Scalar(text) => Size { bytes: text.len(), ..own },
            Content::List(nodes) => nodes.iter().map(Self::size).fold(own, Size::with),
            Content::Map(entries) => {
                let sizes = entries.iter().map(|entry| {
                    let value = entry.value.size();
                    Size { bytes: value.bytes + entry.key.len(), ..value }
                });
                sizes.fold(own, Size::with)
            }
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Size {
    nodes: usize,
    bytes: usize,
    depth: usize,
}

impl Size {
    /// With a child of that size.
    fn with(self, child: Self) -> Self {
        Self {
            nodes: self.nodes + child.nodes,
            bytes: self.bytes + child.bytes,
            depth: self.depth.max(child.depth + 1),
        }
    }
}

/// A list or mapping whose end has not come.
struct Open {
    line: usize,
    anchor: usize,
    content: Content,
    /// Key of a mapping whose value has not come.
    key: Option<(usize, String)>,
}

struct Tree<'a> {
    origin: &'a str,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    used: Size,
    root: Option<Node>,
}

/// The one document in `text`.
///
/// # Errors
/// If it is not YAML, has several documents, tags of its own, or exceeds a limit.
pub(crate) fn parse(text: &str, origin: &str) -> Result<Node, ImportError> {
    let mut tree = Tree {
        origin,
        open: Vec::new(),
        anchors: HashMap::new(),
        used: Size::default(),
        root: None,
    };
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => tree.event(event, span)?,
            Err(error) => return Err(tree.error(error.marker().line(), error.info())),
        }
    }
    Ok(tree.root.unwrap_or(Node { line: 1, content: Content::Null }))
}

impl Tree<'_> {
    fn error(&self, line: usize, reason: impl Into<String>) -> ImportError {
        ImportError::Syntax { origin: self.origin.to_owned(), line, reason: reason.into() }
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), ImportError> {
        let line = span.start.line();
        let tag = match &event {
            Event::Scalar(_, _, _, tag)
            | Event::SequenceStart(_, tag)
            | Event::MappingStart(_, tag) => tag.as_ref(),
            _ => None,
        };
        if tag.is_some_and(|tag| !tag.is_yaml_core_schema()) {
            return Err(self.error(line, "a tag: expected plain values"));
        }
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let is_null = style == ScalarStyle::Plain
                    && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let content =
                    if is_null { Content::Null } else { Content::Scalar(text.into_owned()) };
                self.value(Node { line, content }, anchor)
            }
            Event::SequenceStart(anchor, _) => self.open(line, anchor, Content::List(Vec::new())),
            Event::MappingStart(anchor, _) => self.open(line, anchor, Content::Map(Vec::new())),
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else { return Ok(()) };
                let content = match open.content {
                    Content::Map(entries) => Content::Map(self.merged(entries)?),
                    other => other,
                };
                self.value(Node { line: open.line, content }, open.anchor)
            }
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor) else {
                    return Err(self.error(line, "an alias within its own anchor, or of none"));
                };
                let size = node.size();
                self.check(line, size)?;
                let node = Node { line, ..node.clone() };
                self.count(line, size)?;
                self.value(node, 0)
            }
            Event::DocumentStart(_) if self.root.is_some() => {
                Err(self.error(line, "a second document: expected one"))
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self, line: usize, anchor: usize, content: Content) -> Result<(), ImportError> {
        self.open.push(Open { line, anchor, content, key: None });
        self.check(line, Size::default())
    }

    /// Refuses a tree that `more` would bring above a limit.
    fn check(&self, line: usize, more: Size) -> Result<(), ImportError> {
        let Size { nodes, bytes, .. } = self.used;
        let limits = [
            (nodes + more.nodes > MAX_NODES, format!("{MAX_NODES} values")),
            (bytes + more.bytes > MAX_BYTES, format!("{MAX_BYTES} bytes of text")),
            (self.open.len() + more.depth > MAX_DEPTH, format!("{MAX_DEPTH} levels")),
        ];
        match limits.into_iter().find(|(exceeded, _)| *exceeded) {
            Some((_, limit)) => {
                Err(self
                    .error(line, format!("too much, aliases included: expected at most {limit}")))
            }
            None => Ok(()),
        }
    }

    /// Adds a complete value to what is open, and keeps it if it has an anchor.
    fn value(&mut self, node: Node, anchor: usize) -> Result<(), ImportError> {
        // The parts of a list or mapping are counted; they are counted again as a copy.
        let is_new = matches!(node.content, Content::Null | Content::Scalar(_));
        let size =
            if is_new || anchor > 0 { node.size() } else { Size { nodes: 1, ..Size::default() } };
        self.count(node.line, size)?;
        if anchor > 0 {
            if is_new {
                self.count(node.line, size)?;
            }
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match (&mut open.content, open.key.take()) {
            (Content::Map(entries), Some((line, key))) => {
                entries.push(Entry { line, key, value: node });
            }
            (Content::Map(_), None) => {
                let line = node.line;
                let key = match node.content {
                    Content::Scalar(text) => Some(text),
                    Content::Null => Some(String::new()),
                    Content::List(_) | Content::Map(_) => None,
                };
                let Some(key) = key else {
                    return Err(self.error(line, "a list or mapping as a key: expected a text"));
                };
                open.key = Some((line, key));
            }
            (Content::List(nodes), _) => nodes.push(node),
            (Content::Null | Content::Scalar(_), _) => {}
        }
        Ok(())
    }

    fn count(&mut self, line: usize, more: Size) -> Result<(), ImportError> {
        self.check(line, Size { depth: 0, ..more })?;
        self.used.nodes += more.nodes;
        self.used.bytes += more.bytes;
        Ok(())
    }

    /// `entries` with those of its merge keys, which do not replace any.
    fn merged(&mut self, entries: Vec<Entry>) -> Result<Vec<Entry>, ImportError> {
        let mut keys: HashSet<String> = HashSet::new();
        let (merges, mut own): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|entry| entry.key == "<<");
        for entry in &own {
            if !keys.insert(entry.key.clone()) {
                let key = crate::note::shown(&entry.key);
                return Err(self.error(entry.line, format!("the key `{key}` is there twice")));
            }
        }
        for merge in merges {
            let sources = match merge.value.content {
                Content::List(nodes) => nodes,
                _ => vec![merge.value],
            };
            for source in sources {
                let Content::Map(entries) = source.content else {
                    return Err(self.error(merge.line, "invalid `<<`: expected a mapping"));
                };
                own.extend(entries.into_iter().filter(|entry| keys.insert(entry.key.clone())));
            }
        }
        Ok(own)
    }
}

#[cfg(test)]
mod tests;
