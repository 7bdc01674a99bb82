//! Connections that have carried a response, by which a request is known to have met one that the
//! server closed while it was idle.

use std::collections::VecDeque;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use http::Extensions;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpInfo;
use reqwest::Response;

/// Connections kept in mind: more than a server has idle ones of one client.
const KEPT: usize = 1024;

/// The latest connections with a response, by their local addresses, the oldest first. Clones share
/// them.
#[derive(Clone, Debug, Default)]
pub(super) struct AnsweredConnections(Arc<Mutex<VecDeque<SocketAddr>>>);

impl AnsweredConnections {
    /// Keeps the connection of `response` in mind.
    pub(super) fn note(&self, response: &Response) {
        let Some(address) = response.extensions().get::<HttpInfo>().map(HttpInfo::local_addr)
        else {
            return;
        };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|other| *other != address);
        if kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back(address);
    }

    /// Whether `error`, before any byte of a response, is that of a connection which had carried
    /// one before: the server closed it while it was idle, and has not seen the request.
    pub(super) fn lost(&self, error: &reqwest::Error) -> bool {
        if error.is_connect() || error.is_timeout() || error.is_builder() {
            return false;
        }
        let mut extensions = Extensions::new();
        let mut cause = error.source();
        while let Some(next) = cause {
            let info = next.downcast_ref::<legacy::Error>().and_then(legacy::Error::connect_info);
            if let Some(info) = info {
                info.get_extras(&mut extensions);
            }
            cause = next.source();
        }
        extensions.get::<HttpInfo>().is_some_and(|info| {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let address = info.local_addr();
            let place = kept.iter().position(|other| *other == address);
            place.is_some_and(|at| kept.remove(at).is_some())
        })
    }
}
