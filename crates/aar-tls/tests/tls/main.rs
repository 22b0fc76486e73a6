//! Both sides of a connection, over real sockets.

#[cfg(test)]
mod connector;
#[cfg(test)]
mod listener;
#[cfg(test)]
mod support;
