//! Both sides of a connection, over real sockets.

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod listener;
#[cfg(test)]
mod observe;
#[cfg(test)]
mod openssl;
#[cfg(test)]
mod support;
