//! The built programs, driven from outside through the documented commands.

#[cfg(test)]
mod architectures;
#[cfg(test)]
mod command_line;
#[cfg(test)]
mod compatibility;
#[cfg(test)]
mod concurrency;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod documentation;
#[cfg(test)]
mod drain;
#[cfg(test)]
mod filter;
#[cfg(test)]
mod fleet;
#[cfg(test)]
mod immutability;
#[cfg(test)]
mod large;
#[cfg(test)]
mod lying_registry;
#[cfg(test)]
mod manual_setup;
#[cfg(test)]
mod push_and_pull;
#[cfg(test)]
mod real_apks;
#[cfg(test)]
mod registry_down;
#[cfg(test)]
mod removal;
#[cfg(test)]
mod replicas;
#[cfg(test)]
mod s3_cloudfront;
#[cfg(test)]
mod s3_credentials;
#[cfg(test)]
mod s3_downloads;
#[cfg(test)]
mod s3_faults;
#[cfg(test)]
mod s3_large;
#[cfg(test)]
mod s3_migration;
#[cfg(test)]
mod s3_storage;
#[cfg(test)]
mod s3_uploads;
#[cfg(test)]
mod soak;
#[cfg(test)]
mod storage;
#[cfg(test)]
mod strangers;
#[cfg(test)]
mod trust;
#[cfg(test)]
mod tus_client;
#[cfg(test)]
mod withdrawal;
