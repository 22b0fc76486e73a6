//! Fixtures of the black-box tests: the built programs as processes, certificates for every kind of
//! caller, packages of any size, and a network that can be made to fail.
//!
//! For tests only. Everything here panics on failure, with the logs of the programs in the message. All
//! of it is blocking: a test reads from top to bottom.
//!
//! Processes, ports and folders are released when their owners are dropped, and also when the test
//! process is killed. Folders are below the target folder; set `AAR_TEST_KEEP=1` to keep them.
#![expect(clippy::unwrap_used, reason = "a test ends with the first failure")]

mod ams;
mod fake_registry;
mod fleet;
mod folder;
pub mod fuzzing;
mod generated;
mod http;
pub mod openssl;
mod output;
mod package;
mod packed_image;
mod persona;
mod poll;
mod ports;
mod postgres;
mod process;
mod programs;
mod proxy;
mod python;
mod registry;
mod s3;
mod shared;
mod skip;
mod small_volume;
mod soak;
mod strangers;
mod test_servers;
mod watchdog;
mod web;

pub use ams::TestAms;
pub use bolero;
pub use fake_registry::{CannedResponse, FakeRegistry};
pub use fleet::{Fleet, Mode};
pub use folder::Folder;
pub use generated::Generated;
pub use http::{Download, TestClient, TestResponse};
pub use output::{Output, sha256};
pub use package::Package;
pub use packed_image::{PackedImage, packed};
pub use persona::{Persona, TestPki};
pub use poll::{SOON, eventually, until};
pub use ports::Port;
pub use postgres::{PostgresServer, TestDatabase};
pub use process::Process;
pub use programs::program;
pub use proxy::{Direction, FaultProxy};
pub use python::python_environment;
pub use registry::TestRegistry;
pub use s3::{Bucket, Credentials, OpenUpload, S3Server};
pub use skip::{find_tool, skip, tool};
pub use small_volume::SmallVolume;
pub use soak::{SoakRound, soak_rounds};
pub use strangers::Strangers;
pub use test_servers::serve_test_servers;
pub use web::{
    CONTAINER_TOKEN, CloudFront, CredentialServer, Fault, RecordedRequest, S3Network, SigningKey,
    TestCa, WEB_IDENTITY_TOKEN,
};
