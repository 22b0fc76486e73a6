//! A package into an image.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use aar_testkit::{Folder, Generated, Package, TestAms};

use super::{Case, megabytes};
use crate::{
    rounds::{Plan, Sample, Turn, in_turn},
    row::{Goal, Row, Unit},
    usage::{Meter, run},
};

pub(crate) const CASE: Case = Case {
    name: "create",
    about: "a package into an image, beside tar, zstd and SHA-256",
    run: measure,
};

fn measure(plan: &Plan) -> Vec<Row> {
    let mut ams = TestAms::start();
    let folder = Folder::new("create");
    let package = package(&folder, plan.image);
    let image = folder.join("image.tar.zst");
    let id = ams.process().id();
    let ams = &ams;
    let turns: Vec<Turn<'_>> = vec![
        (
            "aar",
            Box::new(|| {
                let meter = Meter::start("ams", id);
                let mut create = ams.amc_command();
                let ran = run("amc", create.args(["application", "create"]).arg(&package));
                let usage = vec![meter.read(), ran.usage];
                ams.amc(&["application", "delete", "big", "--yes"]).done();
                Sample {
                    value: megabytes(plan.image, ran.wall),
                    usage,
                }
            }),
        ),
        (
            "tar | zstd",
            Box::new(|| {
                let ran = run("sh", &mut by_hand(&package, &image));
                Sample {
                    value: megabytes(plan.image, ran.wall),
                    usage: vec![ran.usage],
                }
            }),
        ),
    ];
    let goals = vec![Goal::Times("tar | zstd", 0.9)];
    vec![in_turn(
        plan,
        Row::new("create", Unit::Megabytes, goals),
        turns,
    )]
}

fn by_hand(package: &Path, image: &Path) -> Command {
    let mut sh = Command::new("sh");
    sh.arg("-c").arg(
        "tar -C \"$1\" -cf - . | zstd -3 -T0 -q -f -o \"$2\" && openssl dgst -sha256 \"$2\" && sync \"$2\"",
    );
    sh.arg("sh").arg(package).arg(image);
    sh
}

/// Half of it does not compress, as what is in an APK; half of it is text.
fn package(folder: &Folder, size: u64) -> PathBuf {
    let text = folder.join("text");
    let mut to = fs_err::File::create(&text).unwrap();
    let random = (Generated {
        size: size / 8,
        seed: 2,
    })
    .pieces();
    for piece in random {
        to.write_all(&lines(&piece)).unwrap();
    }
    to.set_len(size / 2).unwrap();
    Package::new("big")
        .noise("level.dat", size / 2, 1)
        .with("  text.dat:\n    target: /sdcard/Android/data/com.example.xbig/")
        .copy("extra-data/text.dat", &text)
        .write_folder(&folder.join("big"))
}

/// About four times as long as what it is made of.
fn lines(random: &[u8]) -> Vec<u8> {
    let line = |at: &[u8]| {
        let [a, b, c, d] = [at[0], at[1], at[2], at[3]];
        format!("node{a} {b}.{c} {d:x}\n").into_bytes()
    };
    random
        .as_chunks::<4>()
        .0
        .iter()
        .flat_map(|at| line(at))
        .collect()
}
