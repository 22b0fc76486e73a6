//! Servers over real sockets: which peer handlers see, and how serving ends.

#[cfg(test)]
mod drain;
#[cfg(test)]
mod peers;
#[cfg(test)]
mod strangers;
#[cfg(test)]
mod support;
