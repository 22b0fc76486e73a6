//! Events over a websocket.

pub(in crate::http) mod authorise;
pub(in crate::http) mod listen;
