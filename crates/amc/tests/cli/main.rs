//! Runs of the program without an AMS: exit code, standard output and standard error.

#[cfg(test)]
mod completion;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod help;
#[cfg(test)]
mod remotes;
#[cfg(test)]
mod run;
#[cfg(test)]
mod usage;
