//! What a certificate may do, decided in memory.

mod refusal;
mod table;

pub use refusal::Refusal;
pub use table::TrustTable;
