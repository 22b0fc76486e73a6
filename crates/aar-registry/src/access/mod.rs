//! The permissions of a certificate, decided in memory.

mod refusal;
mod table;

pub use refusal::Refusal;
pub use table::TrustTable;
