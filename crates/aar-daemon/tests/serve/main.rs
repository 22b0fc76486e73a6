//! Servers over real sockets: whom handlers see, and how serving ends.

#[cfg(test)]
mod drain;
#[cfg(test)]
mod peers;
#[cfg(test)]
mod support;
