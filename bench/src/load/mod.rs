//! Load generators with a client certificate.

mod ab;

pub(crate) use ab::{Ab, Load};
