//! The client over real sockets.

#[cfg(test)]
mod early_response;
#[cfg(test)]
mod trust;
