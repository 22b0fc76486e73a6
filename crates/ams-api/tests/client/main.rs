//! The client against a test server, over a Unix socket and over mutual TLS.

#[cfg(test)]
mod calls;
#[cfg(test)]
mod operations;
#[cfg(test)]
mod support;
#[cfg(test)]
mod transfers;
