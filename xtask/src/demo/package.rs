//! A small package for the demo.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;

const MANIFEST: &str = "\
name: demo
instance-type: a2.3
boot-package: com.example.demo
tags: [demo]
extra-data:
  level.dat:
    target: /sdcard/Android/data/com.example.demo/
";

/// Writes the folder of a package whose content depends on `edition`.
pub(super) fn write(folder: &Path, edition: u8) -> Result<PathBuf> {
    fs::create_dir_all(folder.join("extra-data"))?;
    fs::write(folder.join("manifest.yaml"), MANIFEST)?;
    let level: Vec<u8> = (0..4 << 20)
        .map(|n: u32| noise(n).wrapping_add(edition))
        .collect();
    fs::write(folder.join("extra-data/level.dat"), level)?;
    Ok(folder.to_owned())
}

/// Incompressible bytes, so that the image has the size of its content.
#[expect(
    clippy::cast_possible_truncation,
    reason = "only the lowest byte is used"
)]
fn noise(n: u32) -> u8 {
    let n = (n ^ (n >> 16)).wrapping_mul(0x85eb_ca6b);
    let n = (n ^ (n >> 13)).wrapping_mul(0xc2b2_ae35);
    (n ^ (n >> 16)) as u8
}
