//! Inputs of the fuzz targets.
//!
//! The corpus of a target is in `__fuzz__/<target>/corpus`, beside the file that calls [`fuzz!`](crate::fuzz!).
//! bolero replays it and tries noise. With `cargo bolero test`, an engine that follows the coverage takes over.
//! Without one, noise does not get far: then each round of [`soak_rounds`] mutates a file of the corpus.

mod mutate;

use std::path::{Path, PathBuf};

use self::mutate::mutant;
use crate::{process::peak_memory_of, soak::soak_rounds};

/// How often bolero tries noise.
pub const NOISE_ROUNDS: usize = 500;
/// The rounds of a target when no time is set.
const FEW_ROUNDS: u64 = 500;
/// The memory that a target may use, with that of the test program. An input has a few KiB.
const MAX_MEMORY: u64 = 256 << 20;

/// Runs a check with the corpus of a target, with noise and with mutants of the corpus. A check panics if an
/// input breaks an invariant. It returns whether the input is accepted.
#[macro_export]
macro_rules! fuzz {
    ($target:literal, $check:expr) => {{
        $crate::bolero::check!(name = $target)
            .with_iterations($crate::fuzzing::NOISE_ROUNDS)
            .for_each(|input: &[u8]| {
                $check(input);
            });
        $crate::fuzzing::check_mutants(env!("CARGO_MANIFEST_DIR"), file!(), $target, $check);
    }};
}

/// Runs a check with mutants of the corpus.
pub fn check_mutants(manifest: &str, source: &str, target: &str, check: impl Fn(&[u8]) -> bool) {
    let folder = corpus_folder(Path::new(manifest), Path::new(source), target);
    let corpus = read_corpus(&folder);
    let is_accepted = corpus.iter().any(|file| check(file));
    assert!(is_accepted, "every file of {} is refused", folder.display());
    for mut round in soak_rounds(FEW_ROUNDS) {
        check(&mutant(&corpus, &mut round));
        check_memory();
    }
}

/// The compiler names the source file from the root of the workspace.
fn corpus_folder(manifest: &Path, source: &Path, target: &str) -> PathBuf {
    let corpus = |root: &Path| root.join(source).with_file_name("__fuzz__").join(target);
    let found = manifest
        .ancestors()
        .map(corpus)
        .find(|folder| folder.is_dir());
    let name = source.display();
    let found = found.unwrap_or_else(|| panic!("there is no corpus of {target} beside {name}"));
    found.join("corpus")
}

fn read_corpus(folder: &Path) -> Vec<Vec<u8>> {
    let files = fs_err::read_dir(folder).unwrap();
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    // A seed repeats a failure on another machine too.
    paths.sort();
    assert!(!paths.is_empty(), "{} is empty", folder.display());
    paths
        .iter()
        .map(|path| fs_err::read(path).unwrap())
        .collect()
}

fn check_memory() {
    let peak = peak_memory_of(std::process::id()).unwrap();
    let used = peak >> 20;
    assert!(peak < MAX_MEMORY, "{used} MiB of memory were used");
}
