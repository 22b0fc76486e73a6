//! The crate as its users see it: packages go in, images and refusals come out.

// `cfg(test)` is always true here; it tells the linter that helpers are tests too.
#[cfg(test)]
mod apk;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod hostile_zip;
#[cfg(test)]
mod image;
#[cfg(test)]
mod sources;
#[cfg(test)]
mod support;
