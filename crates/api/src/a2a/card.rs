//! Card of an agent: what it can do, where, and with what key.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{TEXT, VERSION};

/// Card of an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentCard {
    /// Name.
    pub name: String,
    /// Purpose.
    pub description: String,
    /// Version of the agent.
    pub version: String,
    /// Where it answers.
    pub supported_interfaces: Vec<AgentInterface>,
    /// What it can do.
    pub capabilities: AgentCapabilities,
    /// Ways to authenticate, by name; none where no key is needed.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub security_schemes: BTreeMap<&'static str, SecurityScheme>,
    /// Schemes of which one is needed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub security_requirements: Vec<SecurityRequirement>,
    /// Media types that it reads.
    pub default_input_modes: Vec<&'static str>,
    /// Media types that it writes.
    pub default_output_modes: Vec<&'static str>,
    /// What can be asked for.
    pub skills: Vec<AgentSkill>,
}

impl AgentCard {
    /// Card of an agent at `url` with `skills`.
    pub fn new(name: &str, description: &str, version: &str, url: String) -> Self {
        Self {
            name: name.to_owned(),
            description: description.to_owned(),
            version: version.to_owned(),
            supported_interfaces: vec![AgentInterface {
                url,
                protocol_binding: "JSONRPC",
                protocol_version: VERSION,
            }],
            capabilities: AgentCapabilities {
                streaming: true,
                push_notifications: false,
                extended_agent_card: false,
            },
            security_schemes: BTreeMap::new(),
            security_requirements: Vec::new(),
            default_input_modes: vec![TEXT],
            default_output_modes: vec![TEXT],
            skills: Vec::new(),
        }
    }

    /// The card, which says that a key is needed as a bearer token or in `x-api-key`.
    #[must_use]
    pub fn with_keys(mut self) -> Self {
        let bearer = SecurityScheme::HttpAuthSecurityScheme { scheme: "Bearer" };
        let header = SecurityScheme::ApiKeySecurityScheme { location: "header", name: "x-api-key" };
        self.security_schemes = BTreeMap::from([("bearer", bearer), ("apiKey", header)]);
        let requirement = |name| SecurityRequirement {
            schemes: BTreeMap::from([(name, Scopes { list: Vec::new() })]),
        };
        self.security_requirements = ["bearer", "apiKey"].map(requirement).into();
        self
    }
}

/// One way to reach an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentInterface {
    /// Address.
    pub url: String,
    /// `JSONRPC`.
    pub protocol_binding: &'static str,
    /// Version of the protocol.
    pub protocol_version: &'static str,
}

/// What an agent can do of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentCapabilities {
    /// Streams.
    pub streaming: bool,
    /// Calls of addresses of the client.
    pub push_notifications: bool,
    /// A longer card for those who have a key.
    pub extended_agent_card: bool,
}

/// Way to authenticate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum SecurityScheme {
    /// In the header `authorization`.
    HttpAuthSecurityScheme {
        /// `Bearer`.
        scheme: &'static str,
    },
    /// In a header of its own.
    ApiKeySecurityScheme {
        /// `header`.
        location: &'static str,
        /// Name of the header.
        name: &'static str,
    },
}

/// Schemes that are needed together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SecurityRequirement {
    schemes: BTreeMap<&'static str, Scopes>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Scopes {
    list: Vec<String>,
}

/// Something that can be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AgentSkill {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Description.
    pub description: String,
    /// Keywords.
    pub tags: Vec<String>,
}
