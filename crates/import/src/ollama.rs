//! What Ollama's store and Modelfiles have in common: parameters and names of models.

mod name;
mod parameter;
pub(crate) mod store;

pub(crate) use self::name::base_model;
pub(crate) use self::parameter::set_parameter;
