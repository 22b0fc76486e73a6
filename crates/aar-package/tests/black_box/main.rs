//! The public interface of the crate.

// `cfg(test)` is always true here. It tells clippy that helper functions are test code too.
#[cfg(test)]
mod aapt;
mod apk;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod hostile_folder;
#[cfg(test)]
mod hostile_image;
#[cfg(test)]
mod hostile_tar;
#[cfg(test)]
mod hostile_zip;
#[cfg(test)]
mod image;
#[cfg(test)]
mod real_tools;
#[cfg(test)]
mod sources;
#[cfg(test)]
mod support;
