//! Load tools that show a client certificate.

mod ab;

pub(crate) use ab::{Ab, Load};
