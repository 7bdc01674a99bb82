//! Published status of an engine.

use std::sync::{Arc, Mutex, PoisonError};

use harmonic_admission::AgentLoad;
use harmonic_types::{AgentName, Rejection};

use crate::engine::{Allocation, Health};

/// Status that the thread or task of an engine publishes.
#[derive(Debug, Clone)]
pub struct StatusSnapshot {
    /// Health.
    pub health: Health,
    /// Allocated memory.
    pub allocation: Allocation,
    /// Load per agent, in the order of the configuration.
    pub load: Vec<AgentLoad>,
}

/// [`StatusSnapshot`] shared by an engine and its handle.
#[derive(Clone, Debug)]
pub struct SharedStatus(Arc<Mutex<StatusSnapshot>>);

impl SharedStatus {
    /// Status of an engine that is ready.
    pub fn new(load: Vec<AgentLoad>) -> Self {
        let health = Health::Ready;
        Self(Arc::new(Mutex::new(StatusSnapshot {
            health,
            allocation: Allocation::default(),
            load,
        })))
    }

    /// Updates the snapshot. Writes are plain assignments, so it is consistent even after a panic.
    pub fn write(&self, change: impl FnOnce(&mut StatusSnapshot)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Rejection of a request to `agent` by an engine that has ended.
    pub fn gone(&self, agent: &AgentName) -> Rejection {
        match self.read().health {
            Health::Died { message } => Rejection::EngineDied { agent: agent.clone(), message },
            Health::Ready | Health::Draining | Health::Restarting { .. } | Health::Stopped => {
                Rejection::Draining
            }
        }
    }

    /// The status at this moment.
    pub fn read(&self) -> StatusSnapshot {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
