//! The metrics for Prometheus: how the API is used, and the state of the registry agent.
//!
//! Existing dashboards rely on the names and labels of the API's metrics. They are counted even without a
//! [`MetricsListener`].

mod agent;
mod listener;

pub use listener::MetricsListener;
