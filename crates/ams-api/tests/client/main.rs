//! The client against a small server, over a unix socket and over mutual TLS.

#[cfg(test)]
mod calls;
#[cfg(test)]
mod operations;
#[cfg(test)]
mod support;
#[cfg(test)]
mod transfers;
